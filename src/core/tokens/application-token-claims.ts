import { isJsonObject } from '../../platform/json-object.ts'
import { isRandomId } from '../../platform/random.ts'
import type { Seal } from '../../platform/seal.ts'
import { BRIDGE_CLIENT_ID, isCount, isScope, isText } from './access-token.ts'
import type { ApplicationTokenClaims } from './application-token.ts'
import { isThumbprint } from './signing-key.ts'

type User = NonNullable<ApplicationTokenClaims['user']>

/** The claims that only a token with a user behind it has; one of them makes all of them required. */
const USER_CLAIMS = ['sid', 'ref', 'epoch', 'gid', 'auth_time', 'idp', 'acr']

/**
 * The claims of an application's token whose signature has been verified, each of its type and all required
 * ones there; undefined otherwise. A token either has a whole user or none at all, so that a client's own
 * token is never read as a user's (RFC 9068 §5), nor the bridge's as an application's. Claims that we do not
 * know are left out.
 */
export async function parseApplicationTokenClaims(
  value: Record<string, unknown>,
  references: Pick<Seal, 'unseal'>,
): Promise<ApplicationTokenClaims | undefined> {
  const { iss, aud, sub, client_id, iat, exp, jti, scope, claims, cnf } = value
  if (!isText(iss) || !isText(aud) || !isText(sub) || !isText(client_id)) return undefined
  if (client_id === BRIDGE_CLIENT_ID) return undefined
  if (!isCount(iat) || !isCount(exp) || !isRandomId(jti)) return undefined
  if (scope !== undefined && !isScope(scope)) return undefined
  if (claims !== undefined && !(Array.isArray(claims) && claims.every(isText))) return undefined
  const jkt = isJsonObject(cnf) ? cnf.jkt : undefined
  if (cnf !== undefined && !isThumbprint(jkt)) return undefined
  const hasUser = USER_CLAIMS.some((name) => value[name] !== undefined)
  const user = hasUser ? await parseUser(value, references) : undefined
  if (hasUser ? user === undefined : sub !== client_id) return undefined
  return {
    iss,
    aud,
    sub,
    client_id,
    iat,
    exp,
    jti,
    ...(scope === undefined ? {} : { scope }),
    ...(claims === undefined ? {} : { claims }),
    ...(isThumbprint(jkt) ? { cnf: { jkt } } : {}),
    ...(user === undefined ? {} : { user }),
  }
}

async function parseUser(
  value: Record<string, unknown>,
  references: Pick<Seal, 'unseal'>,
): Promise<User | undefined> {
  const { epoch, gid, auth_time, idp, acr } = value
  if (!isCount(epoch) || !isRandomId(gid) || !isCount(auth_time) || !isText(idp)) return undefined
  if (acr !== undefined && !isText(acr)) return undefined
  const who = await parseReference(value, references)
  if (who === undefined) return undefined
  return { ...who, epoch, gid, auth_time, idp, ...(acr === undefined ? {} : { acr }) }
}

/** Our ids of the user and the session: in the clear, or sealed, and never both. */
async function parseReference(
  { sub, sid, ref }: Record<string, unknown>,
  references: Pick<Seal, 'unseal'>,
): Promise<Pick<User, 'userId' | 'sid'> | undefined> {
  if (ref === undefined)
    return isRandomId(sub) && isRandomId(sid) ? { userId: sub, sid } : undefined
  if (sid !== undefined || typeof ref !== 'string') return undefined
  const opened = await references.unseal(ref)
  if (!isJsonObject(opened) || !isRandomId(opened.userId) || !isRandomId(opened.sid))
    return undefined
  return { userId: opened.userId, sid: opened.sid }
}
