/** Counters for Prometheus over HTTP (`--metrics 127.0.0.1:9100`): one page, GET or HEAD, nothing else. */
import type { Server } from 'node:http'

/** Resolves when it listens. @throws Error in one line where it cannot */
export async function serveMetrics(at: { host: string; port: number }, page: () => string): Promise<Server> {
  const { createServer } = process.getBuiltinModule('node:http')
  const server = createServer((request, response) => {
    const asked = request.method === 'GET' || request.method === 'HEAD'
    if (!asked || (request.url !== '/metrics' && request.url !== '/')) {
      response.writeHead(asked ? 404 : 405, { 'content-type': 'text/plain' }).end('GET /metrics\n')
      return
    }
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(page())
  })
  server.maxConnections = 64
  server.requestTimeout = 10_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', (e) => reject(new Error(`--metrics: ${e.message}`)))
    server.listen(at.port, at.host === '' ? undefined : at.host, resolve)
  })
  server.unref()
  return server
}
