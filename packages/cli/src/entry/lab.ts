import * as lab from '../lab.ts'
import { main } from '../main.ts'

void main([lab])
