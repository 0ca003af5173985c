/** What the page's script puts in the page's place when the session has ended, here or elsewhere. */
export const SignedOutNotice = ({ returnTo }: { returnTo: '/dashboard' | '/account' }) => (
  <template id="signed-out">
    <section class="panel signed-out">
      <h1 tabindex={-1}>You are signed out</h1>
      <p>This session has ended, here or somewhere else. What this page showed has been removed.</p>
      <p class="actions">
        <a
          class="button primary"
          id="sign-in-again"
          href={`/auth/login?return_to=${encodeURIComponent(returnTo)}`}
        >
          Sign in again
        </a>
      </p>
    </section>
  </template>
)
