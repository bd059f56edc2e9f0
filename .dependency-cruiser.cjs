/**
 * Import directions (DESIGN "Flow: one direction"): spec, observe, store, lifecycle -> plan -> act -> control ->
 * the outside. A type-only import may go against the arrow, since it is gone at run time; a cycle of values may not.
 */
const room = (...names) => `^src/(${names.join('|')})(/|\\.ts$)`
const outside = ['api', 'gateway', 'panel', 'cli', 'app', 'main']
const tests = '\\.test\\.ts$'
/** What exists at run time; `import type` does not. */
const values = { dependencyTypesNot: ['type-only'] }

/** Nobody but `rooms` imports the package or node module. */
const onlyIn = (library, ...rooms) => ({
  name: `${library.replace(':', '-')}-has-one-room`,
  severity: 'error',
  comment: `Only src/${rooms.join(', src/')} knows ${library}.`,
  from: { path: '^src/', pathNot: [room(...rooms), tests] },
  to: { path: `(^|/|:)${library.replace(/^node:/, '')}(/|$)`, pathNot: '^src/' },
})

/** `rooms` come before `later` in the arrow. */
const before = (name, rooms, later) => ({
  name,
  severity: 'error',
  comment: `${rooms.join(', ')} come before ${later.join(', ')}.`,
  from: { path: room(...rooms), pathNot: tests },
  to: { path: room(...later), ...values },
})

// swc's visitor is older than `using`: to it such a declaration is a `const` like any other.
const { Visitor } = require('@swc/core/Visitor.js')
const { visitStatement } = Visitor.prototype
Visitor.prototype.visitStatement = function (statement) {
  if (statement.type !== 'UsingDeclaration') return visitStatement.call(this, statement)
  statement.decls = this.visitVariableDeclarators(statement.decls)
  return statement
}

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'Modules that need each other at run time are one module, or two with a third below them.',
      from: {},
      to: { circular: true, viaOnly: values },
    },
    before(
      'facts-know-no-decisions',
      ['time', 'spec', 'observe', 'store', 'lease', 'lifecycle', 'docker', 'redis', 'vpn', 'engine'],
      ['plan', 'act', 'control', 'streams', ...outside],
    ),
    before('plan-knows-no-action', ['plan'], ['act', 'control', 'docker', 'redis', 'vpn', ...outside]),
    before('act-knows-no-loop', ['act'], ['control', ...outside]),
    before('loop-knows-no-outside', ['control', 'streams', 'telemetry'], outside),
    before('listener-knows-no-command-line', ['api', 'gateway', 'panel'], ['cli', 'app', 'main']),
    before('nobody-imports-main', ['[^/]+'], ['main']),
    {
      name: 'pure-rooms',
      severity: 'error',
      comment: 'plan/ and lifecycle/ are pure: no I/O, no clock, no logger. Time arrives as `now`.',
      from: { path: room('plan', 'lifecycle'), pathNot: tests },
      to: { dependencyTypes: ['core', 'npm'], pathNot: 'node_modules/xstate/', ...values },
    },
    onlyIn('dockerode', 'docker'),
    onlyIn('ioredis', 'redis'),
    onlyIn('redlock', 'redis'),
    onlyIn('xstate', 'lifecycle'),
    onlyIn('pino', 'telemetry'),
    onlyIn('prom-client', 'telemetry'),
    onlyIn('node:sqlite', 'store', 'lease'),
    onlyIn('commander', 'cli'),
    {
      name: 'product-knows-no-tests',
      severity: 'error',
      comment: 'src/ runs without test/ and deploy/.',
      from: { path: '^src/', pathNot: tests },
      to: { path: '^(test|deploy)/' },
    },
    {
      name: 'production-dependencies-only',
      severity: 'error',
      comment: 'The image is built without development dependencies.',
      from: { path: '^src/', pathNot: tests },
      to: { dependencyTypes: ['npm-dev'], ...values, pathNot: 'node_modules/@types/' },
    },
    {
      name: 'resolvable',
      severity: 'error',
      comment: 'An import that leads nowhere.',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    // dependency-cruiser reads TypeScript through the compiler below 7, or through swc.
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
}
