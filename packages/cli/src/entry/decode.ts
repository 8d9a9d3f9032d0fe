import * as decode from '../decode.ts'
import { main } from '../main.ts'

void main([decode])
