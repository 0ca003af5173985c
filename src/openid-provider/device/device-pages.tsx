import type { LiveSession } from '../../core/sessions/session.ts'
import { DeliberatePress } from '../../pages/deliberate-press.tsx'
import { displayedText } from '../../pages/displayed-text.ts'
import { DrawbridgeScene } from '../../pages/drawbridge-scene.tsx'
import { PageShell } from '../../pages/page-shell.tsx'
import { ResourceItem, ScopeItem } from '../../pages/scope-item.tsx'
import { DEVICE_PATH } from './ask-device-code.ts'
import type { WaitingDevice } from './decide-device.ts'
import { shownUserCode } from './user-code.ts'

interface Framed {
  readonly nonce: string | undefined
}

/** Asks for the code that the device shows. `isWrong`: the last one was none that waits. */
export const DeviceCodePage = ({ isWrong, nonce }: Framed & { readonly isWrong: boolean }) => (
  <PageShell title="Connect a device" nonce={nonce}>
    <DrawbridgeScene bridge="raised" />
    <div class="body">
      <h1>Connect a device</h1>
      {isWrong && (
        <p role="alert" id="wrong-code">
          No device waits with that code. It may be mistyped, used, or older than ten minutes.
        </p>
      )}
      <form class="actions" id="device-code" method="get" action={DEVICE_PATH}>
        <label for="user-code">The code that your device shows</label>
        <input
          id="user-code"
          name="user_code"
          type="text"
          required
          autocomplete="off"
          autocapitalize="characters"
          spellcheck={false}
          maxlength={40}
        />
        <button class="button primary" id="go-on" type="submit">
          Go on
        </button>
      </form>
    </div>
  </PageShell>
)

/** Says what asks for what, and lets the person decide. Only they can press these buttons. */
export const DeviceDecisionPage = ({
  device,
  session,
  proof,
  nonce,
}: Framed & {
  readonly device: WaitingDevice
  readonly session: Pick<LiveSession, 'profile'>
  /** Of this very question to this session. */
  readonly proof: string
}) => {
  const { application, request, userCode } = device
  const name = displayedText(application.name, 60) ?? application.id
  const person = displayedText(session.profile.name, 60) ?? displayedText(session.profile.email)
  return (
    <PageShell title="Connect this device?" nonce={nonce}>
      <DrawbridgeScene bridge="raised" />
      <div class="body">
        <h1>
          Connect <bdi>{name}</bdi> on your device?
        </h1>
        <p>
          Your device shows <strong id="shown-code">{shownUserCode(userCode)}</strong>. If it shows
          anything else, or somebody sent you this code, do not connect it: whoever holds that
          device would be signed in as you.
        </p>
        {person !== undefined && (
          <p>
            You are signed in as{' '}
            <strong>
              <bdi>{person}</bdi>
            </strong>
            .
          </p>
        )}
        <h2 id="asked-heading">It asks for</h2>
        <ul aria-labelledby="asked-heading">
          {request.content.scope.map((value) => (
            <ScopeItem value={value} />
          ))}
          <ResourceItem value={request.content.resource} />
        </ul>
        <form class="actions" id="device-decision" method="post" action={DEVICE_PATH}>
          <input type="hidden" name="user_code" value={userCode} />
          <input type="hidden" name="proof" value={proof} />
          <button class="button primary" id="allow" type="submit" name="decision" value="allow">
            Connect it
          </button>
          <button class="button" id="deny" type="submit" name="decision" value="deny">
            Do not connect it
          </button>
          <DeliberatePress nonce={nonce} />
        </form>
      </div>
    </PageShell>
  )
}

/** What has become of it. The device finds out by itself. */
export const DeviceDonePage = ({
  isConnected,
  nonce,
}: Framed & { readonly isConnected: boolean }) => (
  <PageShell title={isConnected ? 'Device connected' : 'Device not connected'} nonce={nonce}>
    <DrawbridgeScene bridge={isConnected ? 'lowered' : 'raised'} />
    <div class="body">
      <h1 id="outcome">{isConnected ? 'Your device is connected' : 'Nothing was connected'}</h1>
      <p>
        {isConnected
          ? 'It goes on by itself in a few seconds. It stays signed in until you sign out here.'
          : 'The device was told. You can close this page.'}
      </p>
    </div>
  </PageShell>
)
