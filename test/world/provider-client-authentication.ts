import { importJWK, jwtVerify } from 'jose'
import type { IdentityProviderConfig } from '../../src/config.ts'

const decode = (text: string) => decodeURIComponent(text.replaceAll('+', ' '))

/** RFC 6749 §2.3, RFC 7523 §3: the client used the method it is registered for, that one only, and rightly. */
export async function hasAuthenticatedClient(
  request: Request,
  form: URLSearchParams,
  { clientId, clientAuthentication, issuer }: IdentityProviderConfig,
): Promise<boolean> {
  const authorization = request.headers.get('authorization')
  const used = {
    client_secret_basic: authorization !== null,
    client_secret_post: form.has('client_secret'),
    private_key_jwt: form.has('client_assertion'),
  }
  const { method } = clientAuthentication
  for (const [name, isUsed] of Object.entries(used)) if (isUsed !== (name === method)) return false
  switch (clientAuthentication.method) {
    case 'client_secret_basic': {
      const [id = '', secret = ''] = atob(authorization!.replace(/^Basic /, '')).split(':')
      return decode(id) === clientId && decode(secret) === clientAuthentication.clientSecret
    }
    case 'client_secret_post':
      return (
        form.get('client_id') === clientId &&
        form.get('client_secret') === clientAuthentication.clientSecret
      )
    case 'none':
      return form.get('client_id') === clientId
    case 'private_key_jwt': {
      const { privateKey, algorithm } = clientAuthentication
      const { d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, key_ops: _ops, ...jwk } = privateKey
      const key = await importJWK(jwk as Parameters<typeof importJWK>[0], algorithm)
      const assertion = form.get('client_assertion') ?? ''
      await jwtVerify(assertion, key, {
        algorithms: [algorithm],
        issuer: clientId,
        subject: clientId,
        audience: issuer,
        requiredClaims: ['exp', 'jti'],
      })
      return true
    }
  }
}
