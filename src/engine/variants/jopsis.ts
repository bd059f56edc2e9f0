import { portFlags, type Variant } from './variant.ts'

const AMD64_FLAGS = [
  ...['--client-console', '--bind-all', '--service-remote-access'],
  ...['--access-token', 'acestream', '--service-access-token', 'root', '--stats-report-peers'],
  ...['--live-cache-type', 'memory', '--live-cache-size', '209715200'],
  ...['--vod-cache-type', 'memory', '--cache-dir', '/acestream/.ACEStream'],
  ...['--live-buffer', '25', '--vod-buffer', '10'],
  ...['--max-connections', '500', '--max-peers', '50', '--max-upload-slots', '50'],
]

const ARM_FLAGS = [
  ...['--bind-all', '--client-console'],
  ...['--live-cache-type', 'memory', '--live-mem-cache-size', '104857600'],
  ...['--disable-sentry', '--log-stdout'],
]

/** jopsis/acestream:x64 takes its flags as one text. */
export const jopsisAmd64: Variant = {
  reservedEnv: ['ACESTREAM_ARGS'],
  joinsArgs: true,
  pass: (engine, ports) => ({
    env: { ACESTREAM_ARGS: [...AMD64_FLAGS, ...portFlags(ports), ...engine.args].join(' ') },
  }),
}

/** jopsis/acestream for ARM is started by its command. */
export const jopsisArm: Variant = {
  reservedEnv: [],
  joinsArgs: false,
  pass: (engine, ports) => ({
    env: {},
    command: ['python', 'main.py', ...ARM_FLAGS, ...portFlags(ports), ...engine.args],
  }),
}
