import { exports } from 'cloudflare:workers'
import { expect, it } from 'vitest'
it('runs', async () => { expect((await exports.default.fetch('https://login.example/health')).status).toBe(200) })
