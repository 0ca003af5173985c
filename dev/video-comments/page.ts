/** The page with the video, and under it the widget. Nothing but the gateway's script is loaded from elsewhere. */
export const videoPage = ({
  gateway,
  clientId,
}: {
  readonly gateway: string
  readonly clientId: string
}): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Video comments</title>
<link rel="icon" href="data:,">
<style>
:root { color-scheme: light dark }
body { max-width: 40rem; margin: 6vh auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif }
video { width: 100%; aspect-ratio: 16 / 9; border-radius: .5rem; background: #123 }
textarea, button { font: inherit; padding: .5rem .75rem; border-radius: .5rem }
textarea { width: 100%; box-sizing: border-box }
li { margin: .5rem 0 }
</style>
</head>
<body>
<main>
<h1>The bridge, at night</h1>
<video id="player" muted playsinline aria-label="A drawbridge that opens and closes"></video>
<section aria-labelledby="comments-title">
<h2 id="comments-title">Comments</h2>
<p id="who" role="status">…</p>
<ol id="comments"></ol>
<form id="form">
<label for="text">What do you think?</label>
<textarea id="text" rows="2" maxlength="500" required></textarea>
<button id="send">Comment</button>
<button id="leave" type="button" hidden>Leave the discussion</button>
</form>
</section>
</main>
<script src="${gateway}/widgets/bootstrap.js"></script>
<script>
// The site: this much is all that it takes to embed a widget.
Annoto.boot({ clientId: ${JSON.stringify(clientId)}, widgets: [{ player: { type: 'html5', element: '#player' } }], demoMode: false })
</script>
<script type="module">
// The widget itself.
const at = (id) => document.getElementById(id)
const { widget } = Annoto

function showUser(user) {
  at('who').textContent = user === undefined ? 'You are reading as a stranger.' : 'You are ' + user.name + (user.scope === 'user' ? '.' : ' (' + user.scope + ').')
  at('leave').hidden = user === undefined
  refresh()
}

function showComments(comments) {
  const user = widget.user()
  at('comments').replaceChildren(...comments.map(({ id, author, text }) => {
    const line = document.createElement('li')
    line.textContent = author.name + ': ' + text
    if (user !== undefined && (user.scope !== 'user' || user.id === author.id)) {
      const button = document.createElement('button')
      button.textContent = 'Remove'
      button.onclick = () => say('/comments/remove', { id })
      line.append(' ', button)
    }
    return line
  }))
}

const refresh = async () => showComments((await (await fetch('/comments')).json()).comments)

async function say(path, words) {
  const user = await widget.requestAuth()
  if (user === undefined) return false
  const answer = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ ...words, token: widget.token() }) })
  if (answer.ok) showComments((await answer.json()).comments)
  return answer.ok
}

at('form').onsubmit = async (event) => {
  event.preventDefault()
  if (await say('/comments', { text: at('text').value })) at('text').value = ''
}
at('leave').onclick = () => widget.requestLogout()
widget.onChange(showUser)
Annoto.on('ready', () => showUser(widget.user()))

// A film of our own making: nothing has to be downloaded.
const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 })
const pen = canvas.getContext('2d')
function draw(time) {
  const lift = (1 - Math.cos(time / 2000)) * 0.4
  pen.fillStyle = '#10213a'; pen.fillRect(0, 0, 640, 360)
  pen.fillStyle = '#f4e9c8'; pen.beginPath(); pen.arc(520, 70, 28, 0, 7); pen.fill()
  pen.fillStyle = '#1d4f6e'; pen.fillRect(0, 270, 640, 90)
  pen.fillStyle = '#8fa3b8'; pen.fillRect(120, 160, 40, 110); pen.fillRect(480, 160, 40, 110)
  for (const [x, side] of [[160, 1], [480, -1]]) {
    pen.save(); pen.translate(x, 230); pen.rotate(-side * lift); pen.fillRect(side > 0 ? 0 : -160, 0, 160, 12); pen.restore()
  }
  requestAnimationFrame(draw)
}
requestAnimationFrame(draw)
at('player').srcObject = canvas.captureStream(15)
at('player').play().catch(() => {})
</script>
</body>
</html>`
