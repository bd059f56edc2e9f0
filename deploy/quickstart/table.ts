import type { EngineView } from '../../src/api/view.ts'

export function engineTable(engines: readonly EngineView[]): string {
  return engines.map(({ name }) => name).join('\n')
}
