import { expect, test } from 'vitest'
import { BadRole, readRoles } from './roles.ts'
import { BadToml } from './toml.ts'

test('a role file is read as Gluetun has it', () => {
  const text = `
# who may
[[roles]] # one
name = "controller"
routes = ["GET /v1/vpn/status", 'PUT /v1/vpn/status',
  "GET /v1/portforward", # the port
]
auth = "apikey"
apikey = "k\\"3y"

[[roles]]
Name = 'people'\r
auth = "basic"
username = "me"
password = "#1"
`
  expect(readRoles(text)).toEqual([
    {
      name: 'controller',
      routes: ['GET /v1/vpn/status', 'PUT /v1/vpn/status', 'GET /v1/portforward'],
      auth: 'apikey',
      apikey: 'k"3y',
      username: '',
      password: '',
    },
    { name: 'people', routes: [], auth: 'basic', apikey: '', username: 'me', password: '#1' },
  ])
  expect(readRoles('')).toEqual([])
})

test.for([
  ['a key that Gluetun does not know', '[[roles]]\nname = "a"\nkey = "b"\nauth = "none"', BadRole],
  ['a field outside a role', 'roles = ["a"]', BadToml],
  ['another table', '[[people]]\nname = "a"', BadToml],
  ['a sentence', 'this is not a toml file', BadToml],
  ['two keys in a line', '[[roles]]\nname = "a" auth = "none"', BadToml],
  ['a key given twice', '[[roles]]\nauth = "none"\nauth = "none"', BadToml],
  ['an open string', '[[roles]]\nname = "a', BadToml],
  ['a number', '[[roles]]\nname = 1', BadToml],
  ['no authentication', '[[roles]]\nname = "a"', BadRole],
  ['a key role without a key', '[[roles]]\nauth = "apikey"', BadRole],
  ['a basic role without a password', '[[roles]]\nauth = "basic"\nusername = "me"', BadRole],
  ['one route that is no list', '[[roles]]\nauth = "none"\nroutes = "GET /v1/version"', BadRole],
] as const)('%s is refused', ([, text, error]) => {
  expect(() => readRoles(text)).toThrow(error)
})
