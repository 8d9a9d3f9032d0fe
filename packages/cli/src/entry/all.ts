/** No command, `help`, or a word that is none: all commands are loaded, so that help can show them. */
import * as decode from '../decode.ts'
import * as demo from '../demo.ts'
import * as gateway from '../gateway.ts'
import * as host from '../host.ts'
import * as lab from '../lab.ts'
import { main } from '../main.ts'
import * as ping from '../ping.ts'
import * as send from '../send.ts'

void main([ping, send, decode, host, gateway, lab, demo])
