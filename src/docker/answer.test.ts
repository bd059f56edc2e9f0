import { describe, expect, it } from 'vitest'
import { readRefusal, type Verb } from './answer.ts'

const ID = 'a'.repeat(64)
const OTHER = 'b'.repeat(64)

const meaning = (verb: Verb, status: number, message: string) =>
  readRefusal({ verb, target: ID, status, message })?.name ?? 'success'

describe('a refusal', () => {
  // Messages as dockerd 20.10 and 28 send them.
  it.each<[Verb, number, string, string]>([
    [
      'create',
      409,
      `Conflict. The container name "/a" is already in use by container "${OTHER}". You`,
      'NameTaken',
    ],
    ['create', 409, 'some other conflict', 'DockerError'],
    ['create', 404, 'No such image: engine:1', 'ImageMissing'],
    ['create', 404, 'No such container: x', 'DockerError'],
    ['create', 400, 'invalid restart policy', 'DockerError'],
    ['create', 500, 'no space left on device', 'DockerError'],
    ['create', 502, 'Bad Gateway', 'UnknownOutcome'],
    ['start', 304, '', 'success'],
    ['start', 404, `No such container: ${ID}`, 'NotFound'],
    ['start', 404, `No such container: ${ID.slice(0, 12)}`, 'NotFound'],
    ['start', 404, `No such container: ${OTHER}`, 'NamespaceGone'],
    [
      'start',
      500,
      `joining network namespace of container: No such container: ${OTHER}`,
      'NamespaceGone',
    ],
    ['start', 409, `cannot join network of a non running container: ${OTHER}`, 'NamespaceGone'],
    ['start', 500, `cannot join network of a non running container: ${OTHER}`, 'NamespaceGone'],
    [
      'start',
      409,
      `Container ${OTHER} is restarting, wait until the container is running`,
      'NamespaceGone',
    ],
    [
      'start',
      400,
      'OCI runtime create failed: lstat /proc/4711/ns/net: no such file',
      'NamespaceGone',
    ],
    ['start', 400, 'OCI runtime create failed: exec: "x": not found', 'DockerError'],
    ['start', 409, 'container is marked for removal and cannot be started', 'NotFound'],
    ['start', 500, 'port 19000 is already allocated', 'DockerError'],
    ['stop', 304, '', 'success'],
    ['stop', 404, `No such container: ${ID}`, 'success'],
    [
      'stop',
      500,
      'cannot stop container: tried to kill, but did not receive an exit event',
      'DockerError',
    ],
    ['stop', 503, 'Service Unavailable', 'UnknownOutcome'],
    ['restart', 404, `No such container: ${ID}`, 'NotFound'],
    ['restart', 500, 'cannot restart container', 'DockerError'],
    ['restart', 503, 'Service Unavailable', 'UnknownOutcome'],
    ['remove', 404, `No such container: ${ID}`, 'success'],
    ['remove', 409, `removal of container ${ID} is already in progress`, 'success'],
    ['remove', 409, `You cannot remove a running container ${ID}. Stop it`, 'DockerError'],
    ['remove', 500, 'unable to remove filesystem', 'DockerError'],
    ['inspect', 404, `No such container: ${ID}`, 'NotFound'],
    ['inspect', 503, 'Service Unavailable', 'DockerError'],
    [
      'logTail',
      409,
      'can not get logs from container which is dead or marked for removal',
      'NotFound',
    ],
    ['list', 404, 'page not found', 'DockerError'],
    ['pull', 404, 'pull access denied for engine', 'DockerError'],
  ])('of %s with %i "%s" is %s', (verb, status, message, expected) => {
    expect(meaning(verb, status, message)).toBe(expected)
  })

  it('names the verb, the short id, the reason and the status', () => {
    const error = readRefusal({ verb: 'start', target: ID, status: 500, message: 'boom' })
    expect(error?.message).toBe('docker start aaaaaaaaaaaa: boom (HTTP 500)')
    expect(error?.status).toBe(500)
  })
})
