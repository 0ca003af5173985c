import { DeliberatePress } from './deliberate-press.tsx'
import { DrawbridgeScene } from './drawbridge-scene.tsx'
import { PageShell } from './page-shell.tsx'
import { safeHref } from './safe-href.ts'

export interface ConfirmPageProps {
  /** The question, as a heading: "Sign out of Drawbridge?" */
  readonly title: string
  /** What will happen when the person says yes. */
  readonly text: string
  /** A path on our own origin, that takes the answer as POST (the policy's `form-action` is 'self'). */
  readonly action: string
  /** The button's words, a verb: "Sign out". */
  readonly button: string
  /** Sent along with the form. */
  readonly fields?: Readonly<Record<string, string>>
  /** Where "no" leads. */
  readonly cancel?: { readonly href: string; readonly label: string } | undefined
  readonly nonce?: string | undefined
}

/** Asks before something is done. The answer is a POST, so that no link and no prefetch can give it. */
export const ConfirmPage = ({
  title,
  text,
  action,
  button,
  fields = {},
  cancel,
  nonce,
}: ConfirmPageProps) => {
  const cancelHref = safeHref(cancel?.href)
  return (
    <PageShell title={title} nonce={nonce}>
      <DrawbridgeScene bridge="lowered" />
      <div class="body">
        <h1>{title}</h1>
        <p>{text}</p>
        <form class="actions" id="confirm" method="post" action={action}>
          {Object.entries(fields).map(([name, value]) => (
            <input type="hidden" name={name} value={value} />
          ))}
          <button class="button primary" id="confirm-button" type="submit">
            {button}
          </button>
          {cancel !== undefined && cancelHref !== undefined && (
            <a class="button" href={cancelHref}>
              {cancel.label}
            </a>
          )}
          <DeliberatePress nonce={nonce} />
        </form>
      </div>
    </PageShell>
  )
}
