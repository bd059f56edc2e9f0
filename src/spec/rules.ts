import { variantOf } from '../engine/variants/container-for.ts'
import { PLACEHOLDERS } from '../engine/variants/custom.ts'
import { PORT_FLAGS } from '../engine/variants/variant.ts'
import type { Draft } from './draft.ts'
import { closest } from './known-keys.ts'
import { checkPorts } from './port-rules.ts'
import type { Finding, Path } from './problem.ts'
import { parseDuration } from './quantity.ts'

/** Everything beyond its shape that is wrong with one document by itself. Only sound parts are looked at. */
export function checkRules(draft: Draft): Finding[] {
  return [
    ...checkMode(draft),
    ...checkNodes(draft),
    ...checkForwarding(draft),
    ...checkHealth(draft),
    ...checkUpdate(draft),
    ...checkCustom(draft),
    ...checkArguments(draft),
    ...checkEnvironment(draft),
    ...checkPorts(draft),
  ]
}

function at(path: Path, message: string): Finding {
  return { path, at: 'value', message }
}

function checkMode(draft: Draft): Finding[] {
  const { vpn } = draft.document.spec
  if (!draft.isSound('spec', 'vpn', 'mode')) return []
  const findings: Finding[] = []
  if (vpn.mode !== 'none' && draft.has('spec', 'network')) {
    const message = `is for vpn.mode none only: with mode ${vpn.mode} engines listen inside the VPN nodes, remove it`
    findings.push({ path: ['spec', 'network'], at: 'key', message })
  }
  const path = ['spec', 'vpn', 'nodes']
  if (!draft.isReadable(...path)) return findings
  const count = vpn.nodes.length
  if (vpn.mode === 'none' && count > 0) {
    findings.push(
      at(path, 'is given although the mode is none: remove it, or say mode: single or redundant'),
    )
  }
  if (vpn.mode === 'single' && count !== 1) {
    const instead = count === 0 ? 'name one' : 'keep one, or say mode: redundant'
    findings.push(at(path, `has ${count} nodes: mode single takes exactly one, ${instead}`))
  }
  if (vpn.mode === 'redundant' && count < 2) {
    const instead = count === 0 ? 'name two' : 'name a second one, or say mode: single'
    findings.push(
      at(
        path,
        `has ${count} node${count === 1 ? '' : 's'}: mode redundant takes two or more, ${instead}`,
      ),
    )
  }
  return findings
}

function checkNodes(draft: Draft): Finding[] {
  return draft.document.spec.vpn.nodes.flatMap((node, index) => {
    const path = ['spec', 'vpn', 'nodes', index, 'control']
    if (!draft.isSound(...path)) return []
    const { apiKeyFile, usernameFile, passwordFile } = node.control
    const findings: Finding[] = []
    if (apiKeyFile !== undefined && (usernameFile ?? passwordFile) !== undefined) {
      findings.push(at(path, 'has both an API key and a user: keep one, as Gluetun’s role has it'))
    } else if ((usernameFile === undefined) !== (passwordFile === undefined)) {
      const missing = usernameFile === undefined ? 'usernameFile' : 'passwordFile'
      findings.push(
        at(path, `has no ${missing}: basic authentication takes usernameFile and passwordFile`),
      )
    }
    return findings
  })
}

function checkForwarding(draft: Draft): Finding[] {
  const { vpn, forwarding } = draft.document.spec
  const findings: Finding[] = []
  const isModeSound = draft.isSound('spec', 'vpn', 'mode')
  const isScopeSound = draft.isSound('spec', 'forwarding', 'scope')
  if (isModeSound && isScopeSound && vpn.mode === 'none' && forwarding.scope === 'vpn') {
    const message =
      'is vpn, but without a VPN there is no port to forward: say none, or leave it out'
    findings.push(at(['spec', 'forwarding', 'scope'], message))
  }
  const { prefer } = forwarding
  const path = ['spec', 'forwarding', 'prefer']
  if (prefer === undefined || !draft.isSound(...path)) return findings
  if (isScopeSound && forwarding.scope !== 'fleet') {
    const message = `has no meaning with scope ${forwarding.scope}: remove it, or say scope: fleet`
    return [...findings, at(path, message)]
  }
  const names = vpn.nodes.map((node) => node.name)
  const areNamesSound = names.every((_, index) =>
    draft.isSound('spec', 'vpn', 'nodes', index, 'name'),
  )
  if (names.includes(prefer) || !areNamesSound || !isModeSound) return findings
  const near = closest(prefer, names)
  const instead =
    near === undefined ? `one of ${names.join(', ') || 'none'}` : `did you mean ${near}?`
  return [...findings, at(path, `is "${prefer}", which is no VPN node of this fleet: ${instead}`)]
}

function checkHealth(draft: Draft): Finding[] {
  const { interval, timeout } = draft.document.spec.engine.health
  if (!draft.isSound('spec', 'engine', 'health')) return []
  if (parseDuration(timeout) <= parseDuration(interval)) return []
  const message = `is ${timeout}, longer than the interval of ${interval}: make it ${interval} or less`
  return [at(['spec', 'engine', 'health', 'timeout'], message)]
}

function checkUpdate(draft: Draft): Finding[] {
  const { maxSurge, maxUnavailable } = draft.document.spec.update
  if (!draft.isSound('spec', 'update') || maxSurge + maxUnavailable > 0) return []
  const message =
    'is 0 and so is maxUnavailable: no engine could ever be replaced, make one of them at least 1'
  return [at(['spec', 'update', 'maxSurge'], message)]
}

function checkCustom(draft: Draft): Finding[] {
  const { engine } = draft.document.spec
  if (!draft.isSound('spec', 'engine', 'variant') || engine.variant !== 'custom') return []
  const findings: Finding[] = []
  if (!draft.has('spec', 'engine', 'image')) {
    findings.push(
      at(['spec', 'engine', 'image'], 'is missing: variant custom has no image of its own'),
    )
  }
  if (!draft.isSound('spec', 'engine', 'args')) return findings
  const path = ['spec', 'engine', 'args']
  if (!engine.args.some((argument) => argument.includes('{httpPort}'))) {
    const what = engine.args.length === 0 ? 'is missing' : 'has no {httpPort}'
    const message = `${what}: every engine listens on a port of its own, such as --http-port={httpPort}`
    findings.push(at(path, message))
  }
  for (const [index, argument] of engine.args.entries()) {
    for (const [whole, name = ''] of argument.matchAll(/\{([A-Za-z]+)\}/g)) {
      if (PLACEHOLDERS.some((each) => each === name)) continue
      const near = closest(name, PLACEHOLDERS)
      const instead =
        near === undefined ? `there are {${PLACEHOLDERS.join('} {')}}` : `did you mean {${near}}?`
      findings.push(at([...path, index], `has ${whole}, which nothing fills in: ${instead}`))
    }
  }
  return findings
}

/** A preset passes the ports itself; an argument that did so too would put engines on one port. */
function checkArguments(draft: Draft): Finding[] {
  const { engine } = draft.document.spec
  if (!draft.isSound('spec', 'engine', 'variant') || engine.variant === 'custom') return []
  const { joinsArgs } = variantOf(engine.variant)
  return engine.args.flatMap((argument, index) => {
    const path = ['spec', 'engine', 'args', index]
    if (!draft.isSound(...path)) return []
    const flag = PORT_FLAGS.find((each) => argument === each || argument.startsWith(`${each}=`))
    if (flag !== undefined) {
      return [at(path, `is ${flag}, which the preset gives to every engine: remove it`)]
    }
    if (!joinsArgs || !/\s/.test(argument)) return []
    const message = `has white space, at which ${engine.variant} would cut it: make it several arguments, or --flag=value`
    return [at(path, message)]
  })
}

function checkEnvironment(draft: Draft): Finding[] {
  const { engine } = draft.document.spec
  if (!draft.isSound('spec', 'engine', 'variant')) return []
  const { reservedEnv } = variantOf(engine.variant)
  return Object.keys(engine.env)
    .filter((name) => reservedEnv.includes(name))
    .map((name) => ({
      path: ['spec', 'engine', 'env', name],
      at: 'key',
      message: `is how ${engine.variant} passes ports to every engine: remove it, flags go into args`,
    }))
}
