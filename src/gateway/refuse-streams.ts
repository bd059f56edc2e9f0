import type { IncomingMessage, ServerResponse } from 'node:http'
import { answerText } from './stream-response.ts'

/** What a process answers that is no gateway; it leaves alone what is no request for a stream. */
export function refuseStreams(req: IncomingMessage, res: ServerResponse): boolean {
  if (!req.url?.startsWith('/ace/')) return false
  answerText(
    res,
    404,
    'this acefleet serves no streams: its --role (ACEFLEET_ROLE) lacks "gateway"; ask one that has it',
  )
  return true
}
