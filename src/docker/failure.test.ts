import { describe, expect, it } from 'vitest'
import { LeaseLost } from '../lease/lease.ts'
import type { Verb } from './answer.ts'
import { Expired } from './deadline.ts'
import { readFailure } from './failure.ts'

function failed(verb: Verb, wasSent: boolean, error: unknown) {
  return readFailure({ verb, target: 'home.0', address: 'unix:///run/docker.sock', wasSent }, error)
}

const errno = (code: string, syscall?: string) =>
  Object.assign(new Error(`${syscall ?? 'socket'} ${code}`), { code, syscall })

describe('a call that was not answered', () => {
  it.each(['ENOENT', 'ECONNREFUSED', 'EACCES', 'EPERM', 'ETIMEDOUT', 'EHOSTUNREACH'])(
    'sent nothing when connecting failed by %s',
    (code) => {
      expect(failed('create', true, errno(code, 'connect')).name).toBe('DockerUnreachable')
    },
  )

  it.each([
    errno('ENOTFOUND', 'getaddrinfo'),
    errno('DEPTH_ZERO_SELF_SIGNED_CERT'),
    errno('CERT_HAS_EXPIRED'),
    errno('ERR_TLS_CERT_ALTNAME_INVALID'),
    new Error('Client network socket disconnected before secure TLS connection was established'),
  ])('sent nothing when name or TLS failed: %s', (error) => {
    expect(failed('create', true, error).name).toBe('DockerUnreachable')
  })

  it('says how to get the permission', () => {
    const { message } = failed('list', true, errno('EACCES', 'connect'))
    expect(message).toContain('docker group')
    expect(message).toContain('unix:///run/docker.sock')
  })

  it.each([
    errno('ECONNRESET'),
    errno('EPIPE', 'write'),
    errno('ECONNRESET', 'read'),
    errno('HPE_INVALID_CONSTANT'),
    new Expired('no answer within 15 s'),
  ])('after it was sent leaves a change unknown and a read failed: %s', (error) => {
    for (const verb of ['create', 'start', 'stop', 'restart', 'remove'] as const) {
      expect(failed(verb, true, error).name).toBe('UnknownOutcome')
    }
    for (const verb of ['list', 'inspect', 'pull'] as const) {
      expect(failed(verb, true, error).name).toBe('DockerError')
    }
  })

  it('that was never sent has a known outcome', () => {
    expect(failed('create', false, new Expired('aborted by its caller')).name).toBe('DockerError')
  })

  it('lets a lost lease through as it is (I7)', () => {
    const lost = new LeaseLost('lost')
    expect(failed('create', false, lost)).toBe(lost)
  })

  it('keeps credentials of an address out of its message', () => {
    const error = failed('pull', true, new Error('Get https://me:secret@registry.example/v2/'))
    expect(error.message).not.toContain('secret')
  })
})
