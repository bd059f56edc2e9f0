import type { Endpoint } from '../store.ts'

/** Engines as the script of a claim reads them: a line each, of id, maxStreams, ready and forwarded. */
export function candidateLines(endpoints: readonly Endpoint[]): string {
  const lines = endpoints.map(({ containerId, maxStreams, ready, forwarded }) =>
    [containerId, maxStreams, Number(ready), Number(forwarded)].join(' '),
  )
  return lines.join('\n')
}

/** Apart from the former, for only one of them is needed: a line each, of id and all of it as JSON. */
export function offerLines(endpoints: readonly Endpoint[]): string {
  return endpoints.map((each) => `\n${each.containerId} ${JSON.stringify(each)}`).join('')
}
