import { PageShell } from '../pages/page-shell.tsx'
import { operatorsScript } from '../pages/built-assets.ts'

/**
 * The operators' page: a frame for its script, which reads the management API with the operator's key. There is no
 * data in it, so that anybody may load it. The key's field has no name: no form ever sends it.
 */
export const OperatorsPage = ({ nonce }: { readonly nonce?: string | undefined }) => (
  <PageShell title="Operators" layout="wide" scripts={[operatorsScript]} nonce={nonce}>
    <div id="operators">
      <h1>Operators</h1>
      <noscript>
        <p>
          This page reads the management API with your key, and that needs JavaScript. The API works
          without it: <code>/admin/api/openapi.json</code> describes it.
        </p>
      </noscript>
      <form id="key-form" class="panel" hidden>
        <label for="key">Admin API key</label>
        <div class="field-row">
          <input id="key" type="password" autocomplete="off" spellcheck={false} required />
          <button class="button primary" type="submit" id="open">
            Open
          </button>
        </div>
        <p class="lead">It stays in this tab’s memory, and is forgotten when the page is left.</p>
      </form>
      <p id="status" role="status"></p>
      <div id="opened" hidden>
        <p class="actions">
          <button class="button" type="button" id="refresh">
            Refresh
          </button>
          <button class="button" type="button" id="forget">
            Forget the key
          </button>
        </p>
        <div class="operators-panels">
          <OverviewPanel id="canary" title="How soon a sign-out holds" />
          <OverviewPanel id="cut-offs" title="Mass cut-offs" />
          <OverviewPanel id="undelivered" title="Applications that could not be told" />
          <OverviewPanel id="applications" title="Applications" />
        </div>
        <section class="panel" aria-labelledby="operations-heading">
          <h2 id="operations-heading">Every operation</h2>
          <div id="operations"></div>
        </section>
      </div>
    </div>
  </PageShell>
)

const OverviewPanel = ({ id, title }: { readonly id: string; readonly title: string }) => (
  <section class="panel" aria-labelledby={`${id}-heading`}>
    <h2 id={`${id}-heading`}>{title}</h2>
    <div id={id} class="scrolled" tabindex={0} role="group" aria-label={title}></div>
  </section>
)
