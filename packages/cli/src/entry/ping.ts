import { main } from '../main.ts'
import * as ping from '../ping.ts'

void main([ping])
