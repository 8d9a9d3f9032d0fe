import { main } from '../main.ts'
import * as send from '../send.ts'

void main([send])
