import * as listen from '../listen.ts'
import { main } from '../main.ts'

void main([listen])
