import { Hono } from 'hono'
import type { RequestVariables } from '../platform/request-facts.ts'
export const accountRoutes = (_parts: object) => new Hono<{ Variables: RequestVariables }>()
