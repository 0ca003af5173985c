import { raw } from 'hono/html'
import { PageShell } from './page-shell.tsx'

export interface FormPostPageProps {
  readonly title: string
  /** Checked before. */
  readonly action: string
  readonly fields: Readonly<Record<string, string>>
  readonly nonce: string | undefined
}

/**
 * An answer as a form that the browser posts to another site (as in OAuth 2.0 Form Post Response Mode): by itself
 * where scripts run, and with a button where they do not. Its policy is for the caller to say.
 */
export const FormPostPage = ({ title, action, fields, nonce }: FormPostPageProps) => (
  <PageShell title={title} nonce={nonce}>
    <div class="body">
      <h1>One more step</h1>
      <form id="answer" method="post" action={action}>
        {Object.entries(fields).map(([name, value]) => (
          <input type="hidden" name={name} value={value} />
        ))}
        <p class="actions">
          <button class="button primary" id="go-on" type="submit">
            Continue
          </button>
        </p>
      </form>
      <script nonce={nonce}>{raw("document.getElementById('answer').submit()")}</script>
    </div>
  </PageShell>
)
