import { expect, test } from 'vitest'
import { checkStream } from '../../harness/check-stream.ts'
import { engineInProcess, openStream, readBytes } from '../../harness/engine-in-process.ts'
import { infohashOfId } from './traits.ts'

const one = infohashOfId('one')

test('Start: format=json tells URLs on the host that was asked, and who plays', async () => {
  await using engine = await engineInProcess()
  const answer = await engine.json('/ace/getstream?id=one&format=json&pid=p')
  const key = '83878c91171338902e0fe0fb97a8c47a'
  const at = (route: string) => `${engine.url}/ace/${route}/${one}/${key}`
  expect(answer).toEqual({
    response: {
      playback_url: at('r'),
      stat_url: at('stat'),
      command_url: at('cmd'),
      infohash: one,
      playback_session_id: expect.stringMatching(/^[0-9a-f]{40}$/),
      is_live: 1,
      is_encrypted: 0,
      client_session_id: -1,
    },
    error: null,
  })
})

test('Start: without format=json a start is redirected to /ace/r, and that to /content', async () => {
  await using engine = await engineInProcess()
  const start = await engine.get('/ace/getstream?id=one&pid=p')
  expect(start).toMatchObject({ status: 302, headers: { 'access-control-allow-origin': '*' } })
  expect(start.headers.server).toMatch(/^BaseHTTP/)
  const playback = new URL(start.headers.location ?? '')
  expect(playback.pathname).toMatch(new RegExp(`^/ace/r/${one}/[0-9a-f]{32}$`))
  const { status, headers } = await engine.get(playback.pathname)
  expect(status).toBe(302)
  expect(headers.location).toMatch(new RegExp(`^${engine.url}/content/${one}/[0-9a-f]{32}$`))
  const stream = await openStream(headers.location ?? '')
  expect(stream.headers['content-type']).toBe('video/mp2t')
  expect(checkStream(await readBytes(stream, 300_000), { infohash: one }).problems).toEqual([])
})

test('Start: an engine may also stream from /ace/r itself', async () => {
  await using engine = await engineInProcess({ redirect: 'none' })
  const { headers } = await engine.get('/ace/getstream?id=one')
  const stream = await openStream(headers.location ?? '')
  expect(stream.statusCode).toBe(200)
  expect((await readBytes(stream, 1000))[0]).toBe(0x47)
})

test.for([
  [`content_id=one&infohash=${'b2'.repeat(20)}`, one],
  [`infohash=${'B2'.repeat(20)}&url=one`, 'b2'.repeat(20)],
  ['url=one', one],
  ['magnet=one', one],
  ['id=one&content_id=', one],
] as const)('Start: of %s the first selector counts', async ([query, infohash]) => {
  await using engine = await engineInProcess()
  const answer = await engine.json(`/ace/getstream?${query}&format=json`)
  expect(answer.response).toMatchObject({ infohash })
})

test('Start: what can not be loaded is 200 and an error in JSON, or a 500 that says so', async () => {
  await using engine = await engineInProcess()
  await engine.setTraits({ id: 'dead', error: 'failed to load content' })
  const refused = { response: null, error: 'failed to load content' }
  for (const query of ['id=dead', 'infohash=12', '']) {
    expect(await engine.json(`/ace/getstream?${query}&format=json`)).toEqual(refused)
    expect(await engine.get(`/ace/manifest.m3u8?${query}`)).toMatchObject({
      status: 500,
      headers: { 'content-type': 'text/plain' },
      body: "Internal Server Error, couldn't find resource",
    })
  }
  await engine.setTraits({ id: 'dead', error: 'no such channel', errorStatus: 500 })
  expect(await engine.get('/ace/getstream?id=dead&format=json')).toMatchObject({
    status: 500,
    body: JSON.stringify({ response: null, error: 'no such channel' }),
  })
  expect((await engine.get('/ace/getstream?id=dead')).body).toContain('no such channel')
  expect(await engine.json('/ace/getstream?id=one&format=json')).toMatchObject({ error: null })
})

test('Start: an engine that has no room for a session more refuses the next content only', async () => {
  await using engine = await engineInProcess({ maxSessions: 1 })
  const start = (id: string) => engine.json(`/ace/getstream?id=${id}&format=json&pid=${id}`)
  expect(await start('one')).toMatchObject({ error: null })
  expect(await start('two')).toMatchObject({ response: null, error: 'failed to load content' })
  expect(await start('one')).toMatchObject({ error: null })
})

test('Start: a dead channel takes its time to say so, or says nothing; others are not delayed', async () => {
  await using engine = await engineInProcess()
  await engine.setTraits({ id: 'late', error: 'failed to load content', answerMs: 300 })
  await engine.setTraits({ id: 'never', answerMs: null })
  const begun = performance.now()
  const late = engine.get('/ace/getstream?id=late&format=json')
  const never = engine.get('/ace/getstream?id=never&format=json', 1000)
  never.catch(() => undefined)
  expect(await engine.json('/ace/getstream?id=one&format=json')).toMatchObject({ error: null })
  expect((await late).body).toContain('failed to load content')
  expect(performance.now() - begun).toBeGreaterThan(290)
  await expect(never).rejects.toThrow('failed')
})

test('[MEAS] 3.2.3: in preload the playback URL is 500 and to be asked again, and stat says prebuf', async () => {
  await using engine = await engineInProcess({ preloadMs: 600 })
  const { response } = await engine.json('/ace/getstream?id=one&format=json')
  const { playback_url, stat_url } = response as Record<string, string>
  const told = new Set<string>()
  const stat = () => engine.json(new URL(stat_url ?? '').pathname)
  expect(await stat()).toMatchObject({ response: { status: 'prebuf', speed_down: 0 } })
  await expect
    .poll(
      async () => {
        const { status, body } = await engine.get(new URL(playback_url ?? '').pathname)
        if (status !== 302) told.add(`${status} ${body}`)
        return status
      },
      { interval: 20, timeout: 10_000 },
    )
    .toBe(302)
  expect([...told]).toEqual(['500 download not found', '500 start timeout'])
  expect(await stat()).toMatchObject({ response: { status: 'dl' } })
})

test('Failure modes: a content without peers buffers for ever', async () => {
  await using engine = await engineInProcess({ peers: 0 })
  const { response } = await engine.json('/ace/getstream?id=one&format=json')
  const { playback_url, stat_url } = response as Record<string, string>
  expect((await engine.get(new URL(playback_url ?? '').pathname)).status).toBe(500)
  expect(await engine.json(new URL(stat_url ?? '').pathname)).toMatchObject({
    response: { status: 'prebuf', peers: 0, downloaded: 0 },
  })
})

test.for([
  ['waits', 'sends no headers'],
  ['silent', 'sends headers and no byte'],
] as const)(
  'Failure modes: in preload an engine that %s %s until there is something',
  async ([preload]) => {
    await using engine = await engineInProcess({ preload, preloadMs: null })
    const { headers } = await engine.get('/ace/getstream?id=one')
    const opening = openStream(headers.location ?? '')
    const isOpen = () => Promise.race([opening.then(() => true), engine.state().then(() => false)])
    const isRead = async () => (await engine.state()).sessions[0]?.isRead
    await expect.poll(isRead).toBe(true)
    if (preload === 'waits') expect(await isOpen()).toBe(false)
    else await opening
    expect((await engine.state()).sessions[0]?.sentBytes).toBe(0)
    await engine.setTraits({ preloadMs: 0 })
    const bytes = await readBytes(await opening, 100_000)
    expect(checkStream(bytes).problems).toEqual([])
  },
)
