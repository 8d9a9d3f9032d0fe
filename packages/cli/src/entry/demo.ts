import * as demo from '../demo.ts'
import { main } from '../main.ts'

void main([demo])
