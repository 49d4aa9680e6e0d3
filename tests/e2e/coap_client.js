'use strict'
/* One CoAP endpoint that this project did not write: node-coap for CoAP, the package cbor for CBOR, Node's own crypto for
 * signatures. It takes orders as JSON lines on its standard input and tells what came of them on its standard output:
 *   {"id", "do": "open", "address", "port"}           binds; everything later leaves from that socket
 *   {"id", "do": "request", "method", "host", "port", "path", "query", "format", "accept", "payload", "block1", "block2"}
 *   {"id", "do": "serve", "links"}                    answers /.well-known/core with these links
 *   {"id", "do": "device", "dialect", "trust", "block2", "kid", "key"}
 *                                                     is a device that can be updated (class Device below)
 *   {"id", "do": "encode", "value"}, {"id", "do": "decode", "payload"}    CBOR
 *   {"id", "do": "verify", "payload", "external", "trust"}                a COSE_Sign1; its content
 * Payloads are base64; block sizes are exponents as on the wire (0 = 16 bytes, 6 = 1024). */
const cbor = require('cbor')
const coap = require('coap')
const crypto = require('crypto')
const dgram = require('dgram')
const readline = require('readline')

let socket, agent, server
let links = Buffer.alloc(0)
let device

function say (message) {
  process.stdout.write(JSON.stringify(message) + '\n')
}

function open (order, done) {
  socket = dgram.createSocket('udp4')
  socket.bind(order.port || 0, order.address, () => {
    agent = new coap.Agent({ socket })
    server = coap.createServer({ type: 'udp4' }, onRequest)
    server.listen(socket, () => done({ port: socket.address().port }))
  })
}

function isAbsent (size) {
  return size === undefined || size === null
}

function request (order, done) {
  const message = agent.request({
    hostname: order.host,
    port: order.port || 5683,
    method: order.method || 'GET',
    pathname: order.path,
    query: order.query,
    confirmable: order.confirmable !== false
  })
  if (!isAbsent(order.format)) message.setOption('Content-Format', Buffer.of(order.format))
  if (!isAbsent(order.accept)) message.setOption('Accept', Buffer.of(order.accept))
  if (!isAbsent(order.block1)) message.setOption('Block1', Buffer.of(order.block1))
  if (!isAbsent(order.block2)) message.setOption('Block2', Buffer.of(order.block2))
  message.on('error', (error) => done({ error: String(error) }))
  message.on('timeout', () => done({ error: 'timeout' }))
  message.on('response', (response) => {
    const location = response.options.filter((option) => option.name === 'Location-Path')
    const format = response.options.find((option) => option.name === 'Content-Format')
    done({
      code: response.code,
      format: format === undefined ? null : format.value,
      location: location.length === 0 ? null : '/' + location.map((option) => option.value.toString()).join('/'),
      payload: response.payload.toString('base64')
    })
  })
  message.end(order.payload === undefined ? undefined : Buffer.from(order.payload, 'base64'))
}

function onRequest (incoming, answer) {
  const path = incoming.url.split('?')[0]
  if (device !== undefined && incoming.method === 'POST' && path === '/suit/trigger') {
    answer.code = '2.01'
    answer.end()
    device.trigger(incoming.payload.toString().replace(/\0$/, ''))
  } else if (incoming.method === 'GET' && path === '/.well-known/core') {
    answer.setOption('Content-Format', Buffer.of(40))
    answer.end(links)
  } else {
    answer.code = '4.04'
    answer.end()
  }
}

/* RFC 9052, section 4.4. payload: what was signed when the message does not carry it. The content, or an exception. */
function open1 (encoded, payload, external, trust) {
  const message = cbor.decodeFirstSync(encoded)
  const [body, , attached, signature] = message instanceof cbor.Tagged ? message.value : message
  const content = attached === null ? payload : attached
  const algorithm = cbor.decodeFirstSync(body).get(1)
  if (algorithm !== -19 && algorithm !== -8) throw new Error('algorithm ' + algorithm)
  const signed = cbor.encodeOne(['Signature1', body, external, content], { canonical: true })
  if (!crypto.verify(null, signed, crypto.createPublicKey(trust), signature)) throw new Error('signature')
  return content
}

function sha256 (bytes) {
  return crypto.createHash('sha256').update(bytes).digest()
}

function isDigest (digest, algorithm, bytes) {
  return digest[0] === algorithm && sha256(bytes).equals(digest[1])
}

/* [command, argument, command, argument, ...]: the parameters that directives 19 and 20 set, by number. */
function parameters (encoded) {
  const commands = cbor.decodeFirstSync(encoded)
  const found = new Map()
  for (let i = 0; i + 1 < commands.length; i += 2) {
    if (commands[i] === 19 || commands[i] === 20) commands[i + 1].forEach((value, key) => found.set(key, value))
  }
  return found
}

/* A device that takes updates as its kind of manifest says: dialect "riot" as deployed RIOT devices read it, "suit" as
 * draft-ietf-suit-manifest-37 has it. Tells {"event": "updated", ...} or {"event": "failed", ...} when it is done. */
class Device {
  constructor (order) {
    this.riot = order.dialect === 'riot'
    this.order = order
  }

  get (url, done) {
    const { hostname, port, pathname } = new URL(url)
    request({ host: hostname, port: port === '' ? 5683 : Number(port), path: pathname, block2: this.order.block2 }, (reply) => {
      if (reply.code !== '2.05') return say({ event: 'failed', url, reply })
      done(Buffer.from(reply.payload, 'base64'))
    })
  }

  trigger (url) {
    say({ event: 'triggered', url })
    this.get(url, (envelope) => {
      let manifest
      try {
        manifest = this.read(envelope)
      } catch (error) {
        return say({ event: 'failed', url, reply: String(error) })
      }
      this.get(manifest.uri, (image) => {
        const holds = isDigest(manifest.digest, this.riot ? 2 : -16, image) && image.length === manifest.size
        say({
          event: holds ? 'updated' : 'failed',
          url,
          sequence: manifest.sequence,
          image: image.toString('base64'),
          digest: sha256(image).toString('hex')
        })
        if (this.order.key !== undefined) this.report(url, manifest)
      })
    })
  }

  /* The manifest's digest is over its byte string with its head, in both dialects. */
  read (encoded) {
    let envelope = cbor.decodeFirstSync(encoded)
    if (!this.riot) {
      if (envelope.tag !== 107) throw new Error('no tag 107')
      envelope = envelope.value
    }
    const authentication = cbor.decodeFirstSync(envelope.get(2))
    const wrapped = cbor.encodeOne(envelope.get(3))
    const none = Buffer.alloc(0)
    const claimed = this.riot ? open1(authentication[0], null, none, this.order.trust) : authentication[0]
    if (!this.riot) open1(authentication[1], claimed, none, this.order.trust)
    const digest = cbor.decodeFirstSync(claimed)
    if (!isDigest(digest, this.riot ? 2 : -16, wrapped)) throw new Error('digest of the manifest')
    const manifest = cbor.decodeFirstSync(envelope.get(3))
    const common = cbor.decodeFirstSync(manifest.get(3))
    const shared = parameters(common.get(4))
    const install = parameters(manifest.get(this.riot ? 9 : 20))
    return {
      claimed: digest,
      sequence: manifest.get(2),
      digest: cbor.decodeFirstSync(shared.get(3)),
      size: shared.get(14),
      uri: install.get(21),
      reference: manifest.get(4)
    }
  }

  /* draft-ietf-suit-report-20, as COSE_Sign1 with attached payload, to /r of the host that the manifest came from. */
  report (url, manifest) {
    const report = cbor.encodeOne(new Map([[3, []], [4, true], [99, [manifest.reference || url, manifest.claimed]]]))
    const body = cbor.encodeOne(new Map([[1, -19]]))
    const signed = cbor.encodeOne(['Signature1', body, Buffer.alloc(0), report])
    const signature = crypto.sign(null, signed, crypto.createPrivateKey(this.order.key))
    const message = cbor.encodeOne(new cbor.Tagged(18, [body, new Map([[4, Buffer.from(this.order.kid)]]), report, signature]))
    const { hostname, port } = new URL(url)
    const order = { host: hostname, port: port === '' ? 5683 : Number(port), path: '/r', method: 'POST', format: 42, block1: 3 }
    request({ ...order, payload: message.toString('base64') }, (reply) => say({ event: 'reported', code: reply.code, error: reply.error }))
  }
}

/* JSON has no integer keys: {"-2": 1} means {-2: 1}, for SenML's labels. */
function withIntegerKeys (value) {
  if (Array.isArray(value)) return value.map(withIntegerKeys)
  if (value === null || typeof value !== 'object') return value
  return new Map(Object.entries(value).map(([key, inner]) => [/^-?\d+$/.test(key) ? Number(key) : key, withIntegerKeys(inner)]))
}

/* The reverse; byte strings as hex. */
function forJson (value) {
  if (Buffer.isBuffer(value)) return value.toString('hex')
  if (Array.isArray(value)) return value.map(forJson)
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, inner]) => [String(key), forJson(inner)]))
  if (value !== null && typeof value === 'object') return forJson(new Map(Object.entries(value)))
  return value
}

const orders = {
  open,
  request,
  serve (order, done) {
    links = Buffer.from(order.links)
    done({})
  },
  device (order, done) {
    device = new Device(order)
    done({})
  },
  encode (order, done) {
    done({ payload: cbor.encodeCanonical(withIntegerKeys(order.value)).toString('base64') })
  },
  decode (order, done) {
    done({ value: forJson(cbor.decodeFirstSync(Buffer.from(order.payload, 'base64'))) })
  },
  verify (order, done) {
    const content = open1(Buffer.from(order.payload, 'base64'), null, Buffer.from(order.external), order.trust)
    done({ value: forJson(cbor.decodeFirstSync(content)) })
  }
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const order = JSON.parse(line)
  try {
    orders[order.do](order, (reply) => say({ id: order.id, ...reply }))
  } catch (error) {
    say({ id: order.id, error: String(error.stack) })
  }
}).on('close', () => process.exit(0))
