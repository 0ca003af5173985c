import { raw } from 'hono/html'

/** Milliseconds: longer than the two halves of a double-click are apart. */
const AT_FIRST = 500

const script = `
  {
    const actions = document.currentScript.parentElement
    const say = (isEarly) => {
      for (const each of actions.querySelectorAll('a, button')) each.setAttribute('aria-disabled', isEarly)
    }
    let timer
    const wait = () => {
      say(true)
      clearTimeout(timer)
      timer = setTimeout(say, ${AT_FIRST}, false)
    }
    actions.addEventListener('click', (press) => {
      if (press.target.closest('[aria-disabled=true]')) press.preventDefault()
    })
    for (const moment of ['focus', 'pageshow']) addEventListener(moment, wait)
    wait()
  }`

/**
 * Among the buttons of a decision: they take no press in the moment that the page comes to the front. Another window
 * can ask for a double-click and be gone after its first half, so that the second one would press ours.
 *
 * `aria-disabled` leaves the focus where it is. Where no script runs, none of that other window's does either.
 */
export const DeliberatePress = ({ nonce }: { readonly nonce: string | undefined }) => (
  <script nonce={nonce}>{raw(script)}</script>
)
