import { main } from '../main.ts'
import * as ping from '../ping.ts'

await main([ping])
