/** No command, `help`, or a word that is none: all commands are loaded, so that help can show them; or `--lab`. */
import * as decode from '../decode.ts'
import * as demo from '../demo.ts'
import * as gateway from '../gateway.ts'
import * as host from '../host.ts'
import { openVantage } from '../lab/vantage.ts'
import * as lab from '../lab.ts'
import * as listen from '../listen.ts'
import { main } from '../main.ts'
import * as notify from '../notify.ts'
import * as ping from '../ping.ts'
import * as send from '../send.ts'

void main([
  { register: (program) => ping.register(program, openVantage) },
  { register: (program) => send.register(program, openVantage) },
  decode,
  host,
  gateway,
  lab,
  listen,
  notify,
  demo,
])
