'use strict'
// aedes behind a WebSocket listener on loopback: node broker.js <port>. Says "ready" when it listens.

const http = require('http')
const aedes = require('aedes')()
const { WebSocketServer, createWebSocketStream } = require('ws')

const port = Number(process.argv[2])
if (!Number.isInteger(port)) {
  console.error('usage: node broker.js <port>')
  process.exit(2)
}

const server = http.createServer()
const sockets = new WebSocketServer({ server, handleProtocols: (offered) => offered.has('mqtt') && 'mqtt' })
sockets.on('connection', (socket, request) => aedes.handle(createWebSocketStream(socket), request))
aedes.on('client', (client) => console.log(`client ${client.id}`))
aedes.on('clientError', (client, error) => console.log(`error of ${client.id}: ${error.message}`))
aedes.on('connectionError', (client, error) => console.log(`error before CONNECT: ${error.message}`))
server.on('error', (error) => {
  console.error(error.message)
  process.exit(1)
})
server.listen(port, '127.0.0.1', () => console.log('ready'))
