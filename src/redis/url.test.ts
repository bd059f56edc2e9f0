import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addressOf, parseRedisUrl, RedisUrlInvalid } from './url.ts'

describe('an address that is understood', () => {
  test('one server, with what is left out filled in', () => {
    expect(parseRedisUrl('redis://cache')).toEqual({
      target: { kind: 'server', at: { host: 'cache', port: 6379 } },
      db: 0,
      username: undefined,
      password: undefined,
      passwordFile: undefined,
      sentinelPasswordFile: undefined,
      tls: undefined,
    })
  })

  test('user, encoded password, IPv6, port and database', () => {
    const address = parseRedisUrl('redis://al:p%40%2Fss%3A@[::1]:7000/3')
    expect(address).toMatchObject({
      target: { at: { host: '::1', port: 7000 } },
      db: 3,
      username: 'al',
      password: 'p@/ss:',
    })
    expect(addressOf(address)).toBe('redis://[::1]:7000/3')
  })

  test('a password without a user, and a password from a file', () => {
    expect(parseRedisUrl('redis://:pw@h')).toMatchObject({ username: undefined, password: 'pw' })
    expect(parseRedisUrl('redis://al@h?passwordFile=/run/secrets/redis')).toMatchObject({
      username: 'al',
      password: undefined,
      passwordFile: '/run/secrets/redis',
    })
  })

  test('TLS with files and a name of its own', () => {
    const address = parseRedisUrl('rediss://h:1?ca=/ca.pem&cert=/c.pem&key=/k.pem&servername=redis')
    expect(address.tls).toEqual({
      ca: '/ca.pem',
      cert: '/c.pem',
      key: '/k.pem',
      servername: 'redis',
    })
    expect(addressOf(address)).toBe('rediss://h:1')
    expect(parseRedisUrl('rediss://h').tls).toEqual({})
  })

  test('sentinels, their master, and a password for each side', () => {
    const address = parseRedisUrl(
      'rediss+sentinel://al:pw@s1,s2:7002/mymaster/2?sentinelPasswordFile=/s&ca=/ca.pem',
    )
    expect(address).toMatchObject({
      target: {
        kind: 'sentinel',
        sentinels: [
          { host: 's1', port: 26379 },
          { host: 's2', port: 7002 },
        ],
        master: 'mymaster',
      },
      db: 2,
      password: 'pw',
      sentinelPasswordFile: '/s',
    })
    expect(addressOf(address)).toBe('rediss+sentinel://s1:26379,s2:7002/mymaster/2')
  })
})

describe('an address that is refused says what would be right', () => {
  test.each([
    ['', 'it should be redis://'],
    ['localhost:6379', 'it should be redis://'],
    ['http://h', 'it should be redis://'],
    ['redis://', 'the host is missing'],
    ['redis://h:0', 'from 1 to 65535'],
    ['redis://h:70000', 'from 1 to 65535'],
    ['redis://h:port', 'host:port'],
    ['redis://::1:6379', '[IPv6]:port'],
    ['redis://h/first', 'must be a number'],
    ['redis://h/1/2', 'must be a number'],
    ['redis://a,b', 'redis+sentinel://'],
    ['redis+sentinel://a,b', 'does not name the master'],
    ['redis+sentinel://a,,b/m', 'sentinel 2'],
    ['redis+sentinel://a/m/0/1', 'at most the number of a database'],
    ['redis://h?tls=yes', 'unknown: there are passwordFile'],
    ['redis://h?ca=/ca.pem', 'begins with rediss'],
    ['rediss://h?cert=/c.pem', '?cert=FILE&key=FILE'],
    ['rediss://h?ca=', 'has no value'],
    ['redis://h?passwordFile=a&passwordFile=b', 'twice'],
    ['redis://h?sentinelPasswordFile=/s', 'redis+sentinel:// only'],
    ['redis://:pw@h?passwordFile=/f', 'only one of them'],
    ['redis://:p%ss@h', '%25'],
    ['redis://h#fragment', 'it should be redis://'],
  ])('%s', (text, right) => {
    expect(() => parseRedisUrl(text)).toThrow(RedisUrlInvalid)
    expect(() => parseRedisUrl(text)).toThrow(right)
  })
})

test('neither an error nor the address for messages holds the password, whatever is wrong with it', () => {
  const secret = fc.stringMatching(/^S3CRET[-a-z0-9@/:?#%[\]+,&=]{0,6}T4IL$/)
  const frame = fc.constantFrom(
    (p: string) => `redis://:${p}@h:1/0`,
    (p: string) => `redis://al:${p}@h:port`,
    // What stands behind an @ here is a host, whoever meant it otherwise.
    (p: string) => `redis://:${p.replaceAll('@', '')}`,
    (p: string) => `redis+sentinel://al:${p}@a,b`,
    (p: string) => `redis://al:${p}@h?x=1`,
    (p: string) => `rediss://:${encodeURIComponent(p)}@h`,
    (p: string) => `wrong://:${p}@h`,
  )
  fc.assert(
    fc.property(secret, frame, (password, write) => {
      let said: string
      try {
        said = addressOf(parseRedisUrl(write(password)))
      } catch (error) {
        said = `${error} ${(error as Error).cause}`
      }
      expect(said).not.toMatch(/S3CRET|T4IL/i)
    }),
    { numRuns: 3000 },
  )
})
