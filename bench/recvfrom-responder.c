/* The floor for idle-echo: answers ICMP echoes on an interface, asleep in recvfrom in between. usage: recvfrom-responder IFACE */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void swap(unsigned char *a, unsigned char *b, int n) {
  unsigned char t[16];
  memcpy(t, a, n);
  memcpy(a, b, n);
  memcpy(b, t, n);
}

/* Another type, the code stays; the checksum is corrected for the changed word (RFC 1624 eqn. 3). */
static void retype(unsigned char *icmp, unsigned char type) {
  unsigned was = icmp[0] << 8 | icmp[1], is = type << 8 | icmp[1];
  unsigned sum = (~(icmp[2] << 8 | icmp[3]) & 0xffff) + (~was & 0xffff) + is;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  icmp[0] = type;
  icmp[2] = ~sum >> 8;
  icmp[3] = ~sum;
}

int main(int argc, char **argv) {
  static unsigned char f[65536];
  int fd = socket(AF_PACKET, SOCK_RAW, 0);
  struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
  if (argc != 2 || (to.sll_ifindex = if_nametoindex(argv[1])) == 0) return 2;
  if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof to) < 0) return 1;
  if (write(1, "ready\n", 6) < 0) return 1;
  for (;;) {
    struct sockaddr_ll from;
    socklen_t size = sizeof from;
    ssize_t n = recvfrom(fd, f, sizeof f, 0, (struct sockaddr *)&from, &size);
    if (n < 0) return 1;
    if (from.sll_pkttype != PACKET_HOST) continue;
    if (n >= 42 && f[12] == 8 && f[13] == 0 && f[14] == 0x45 && f[23] == 1 && f[34] == 8) {
      swap(f + 26, f + 30, 4);
      retype(f + 34, 0);
    } else if (n >= 62 && f[12] == 0x86 && f[13] == 0xdd && f[20] == 58 && f[54] == 128) {
      swap(f + 22, f + 38, 16);
      retype(f + 54, 129);
    } else continue;
    swap(f, f + 6, 6);
    if (send(fd, f, n, 0) < 0) return 1;
  }
}
