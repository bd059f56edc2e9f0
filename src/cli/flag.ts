import { Option } from 'commander'

/** A flag and its variable: `--log-level` is also ACEFLEET_LOG_LEVEL. */
export function flag(flags: string, description: string): Option {
  const option = new Option(flags, description)
  return option.env(`ACEFLEET_${option.name().toUpperCase().replaceAll('-', '_')}`)
}
