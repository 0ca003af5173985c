/** The whole of what the provider's frame shows. It does not say whether anybody was signed in. */
export const FramePage = ({ isDone }: { isDone: boolean }) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <title>{isDone ? 'Signed out' : 'Nothing was done'}</title>
    </head>
    <body></body>
  </html>
)
