import { raw } from 'hono/html'
import { PageShell } from '../../pages/page-shell.tsx'
import type { AnswerParameters } from './response-mode.ts'

export interface FormPostPageProps {
  readonly redirectUri: string
  readonly parameters: AnswerParameters
  readonly nonce: string | undefined
}

/**
 * The answer as a form that the browser posts to the application (OAuth 2.0 Form Post Response Mode): by
 * itself where scripts run, and with a button where they do not.
 */
export const FormPostPage = ({ redirectUri, parameters, nonce }: FormPostPageProps) => (
  <PageShell title="Going on" nonce={nonce}>
    <div class="body">
      <h1>One more step</h1>
      <form id="answer" method="post" action={redirectUri}>
        {Object.entries(parameters).map(([name, value]) => (
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
