/** The unit that costs are counted in: the least that a Hono application can answer. */
import { Hono } from 'hono'

export default new Hono().get('/', (c) => c.text('ok'))
