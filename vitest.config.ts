import { existsSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin'
import { Response } from 'miniflare'
import { defineConfig } from 'vitest/config'
import { writtenObjects } from './test/world/object-files.ts'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

// Every object, KV entry and directory of a test is files. Where there is room in memory they go there: a disk makes
// the runtime wait at each commit.
const MEMORY = '/dev/shm'
if (process.env['TMPDIR'] === undefined && existsSync(MEMORY)) {
  const { bavail, bsize } = statfsSync(MEMORY)
  if (bavail * bsize >= 2 ** 30) {
    const directory = mkdtempSync(`${MEMORY}/drawbridge-tests-`)
    process.env['TMPDIR'] = directory
    process.on('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }))
  }
}

export default defineConfig({
  test: {
    // The gateway logs every request: shown only where a test fails.
    silent: 'passed-only',
    projects: [
      {
        plugins: [
          cloudflareTest(async () => ({
            wrangler: { configPath: at('./wrangler.toml') },
            remoteBindings: false,
            miniflare: {
              bindings: {
                TEST_MIGRATIONS: await readD1Migrations(at('./src/migrations')),
                // Not empty: what is measured is printed as JSON too.
                TEST_SERIES: process.env.TEST_SERIES ?? '',
                ...(await import('./test/world/settings.ts')).settings,
              },
              serviceBindings: {
                TEST_OBJECTS: ({ url }) =>
                  Response.json(writtenObjects(tmpdir(), new URL(url).pathname.slice(1))),
              },
              outboundService: (request) =>
                new Response(`no such host in the test world: ${request.url}`, { status: 502 }),
            },
          })),
        ],
        test: {
          name: 'gateway',
          include: ['test/**/*.test.ts', 'test/**/*.test.tsx'],
          exclude: ['test/browser/**', 'test/clients/**', 'test/structure/**'],
          setupFiles: ['./test/setup.ts'],
          isolate: false,
          maxWorkers: 2,
          // Generous: how long a machine takes says nothing about the gateway.
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'structure',
          include: ['test/structure/**/*.test.ts'],
          environment: 'node',
          isolate: false,
          maxWorkers: 2,
          testTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'clients',
          include: ['test/clients/**/*.test.ts'],
          environment: 'node',
          globalSetup: ['./test/clients/setup.ts'],
          fileParallelism: false,
          isolate: false,
          sequence: { groupOrder: 2 },
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          environment: 'node',
          globalSetup: ['./test/browser/setup.ts'],
          fileParallelism: false,
          isolate: false,
          // After the others: a browser wants the machine to itself.
          sequence: { groupOrder: 1 },
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
