import { after } from 'next/server'

// Next.js must not compute the response at build time.
export const dynamic = 'force-dynamic'

const body = '{"status":"Order placed successfully"}\n'
const sleep = () => new Promise((done) => setTimeout(done, 50))

export async function POST() {
  for (let i = 0; i < 3; i++) after(sleep)
  return new Response(body, { headers: { 'Content-Type': 'application/json', 'Content-Length': String(body.length) } })
}
