import { readFile } from 'node:fs/promises'
import type { ConnectionOptions } from 'node:tls'
import type { RedisAddress } from './url.ts'

/** What an address says by file and by name, read and ready to be used. */
export interface Credentials {
  readonly username: string | undefined
  readonly password: string | undefined
  readonly sentinelPassword: string | undefined
  readonly tls: ConnectionOptions | undefined
}

/** Reads the files that an address names: for every connection anew, so that they may be changed while we run. */
export async function readCredentials(address: RedisAddress): Promise<Credentials> {
  const { passwordFile, sentinelPasswordFile, tls } = address
  const [fromFile, sentinelPassword, ca, cert, key] = await Promise.all([
    readSecret(passwordFile),
    readSecret(sentinelPasswordFile),
    read(tls?.ca, 'CA certificates'),
    read(tls?.cert, 'the client certificate'),
    read(tls?.key, "the client certificate's key"),
  ])
  return {
    username: address.username,
    password: address.password ?? fromFile,
    sentinelPassword,
    tls:
      tls === undefined
        ? undefined
        : {
            ...(ca === undefined ? {} : { ca }),
            ...(cert === undefined ? {} : { cert }),
            ...(key === undefined ? {} : { key }),
            ...(tls.servername === undefined ? {} : { servername: tls.servername }),
          },
  }
}

/** A text without the secrets: servers quote the command that they refuse, and that may be AUTH. */
export function withoutSecrets(
  text: string,
  { password, sentinelPassword }: Pick<Credentials, 'password' | 'sentinelPassword'>,
): string {
  let clean = text
  for (const secret of [password, sentinelPassword]) {
    if (secret) clean = clean.replaceAll(secret, '[redacted]')
  }
  return clean
}

async function readSecret(path: string | undefined): Promise<string | undefined> {
  const text = (await read(path, 'the password'))?.toString('utf8').replace(/\r?\n$/, '')
  if (text === '') throw new Error(`the file with the password is empty: ${path}`)
  return text
}

async function read(path: string | undefined, what: string): Promise<Buffer | undefined> {
  if (path === undefined) return undefined
  try {
    return await readFile(path)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new Error(`the file with ${what} can not be read: ${path} (${code})`, { cause })
  }
}
