using System.Collections.Generic;

namespace Sos.Firewall.Tests.Prefilter;

/// <summary>Rulesets of hosts, made for these tests in the shapes that people write: what is served differs, what is done with the rest hardly.</summary>
internal static class HostRulesets
{
    /// <summary>All of them, by what they are like.</summary>
    public static IReadOnlyList<(string Name, string Rules)> All { get; } =
    [
        ("a web server that logs what it drops", """
            table inet filter {
              chain input {
                type filter hook input priority filter; policy drop;
                iif lo accept
                ct state established,related accept
                ct state invalid drop
                meta l4proto ipv6-icmp accept
                ip protocol icmp icmp type echo-request limit rate 5/second accept
                tcp dport { 22, 80, 443 } accept
                limit rate 5/minute log prefix "input: " level info
                counter drop
              }
              chain forward { type filter hook forward priority filter; policy drop; }
              chain output { type filter hook output priority filter; policy accept; }
            }
            """),
        ("a host with a state map and a ban list", """
            table inet filter {
              set banned { type ipv4_addr; flags interval; elements = { 45.0.0.0/10, 185.12.0.0/16, 91.240.118.77 } }
              chain input {
                type filter hook input priority filter; policy drop;
                ct state vmap { established : accept, related : accept, invalid : drop }
                iifname "lo" accept
                ip saddr @banned counter drop
                meta l4proto { icmp, ipv6-icmp } accept
                tcp dport 22 ct state new limit rate 10/minute accept
                tcp dport { 80, 443 } accept
                udp dport 443 accept
              }
            }
            """),
        ("chains of a front end", """
            table ip filter {
              chain INPUT {
                type filter hook input priority filter; policy drop;
                counter jump before-logging
                counter jump before
                counter jump user
                counter jump after
                counter jump after-logging
              }
              chain before-logging { }
              chain before {
                iifname "lo" counter accept
                ct state related,established counter accept
                ct state invalid counter jump log-deny
                ct state invalid counter drop
                ip protocol icmp icmp type { destination-unreachable, time-exceeded, parameter-problem, echo-request } counter accept
                udp sport 67 udp dport 68 counter accept
                counter jump not-local
              }
              chain not-local {
                fib daddr type local counter return
                fib daddr type multicast counter return
                fib daddr type broadcast counter return
                limit rate 3/minute burst 10 packets counter jump log-deny
                counter drop
              }
              chain log-deny { limit rate 3/minute burst 10 packets counter log prefix "[BLOCK] "; }
              chain user {
                tcp dport 22 counter accept
                tcp dport 80 counter accept
              }
              chain after {
                udp dport 137 counter jump skip
                udp dport 138 counter jump skip
                tcp dport 139 counter jump skip
                tcp dport 445 counter jump skip
                udp dport 67 counter jump skip
              }
              chain skip { counter drop; }
              chain after-logging { limit rate 3/minute burst 10 packets counter log prefix "[BLOCK] "; }
            }
            table ip6 filter {
              chain INPUT {
                type filter hook input priority filter; policy drop;
                iifname "lo" counter accept
                ct state related,established counter accept
                meta l4proto ipv6-icmp counter accept
                tcp dport 22 counter accept
                limit rate 3/minute burst 10 packets counter log prefix "[BLOCK] "
              }
            }
            """),
        ("a log-and-drop chain", """
            table inet fw {
              chain log-drop { limit rate 20/minute burst 40 packets log prefix "drop: " flags all drop; counter drop; }
              chain input {
                type filter hook input priority 0; policy drop;
                iif "lo" accept
                ct state established,related accept
                tcp flags & (fin|syn) == fin|syn jump log-drop
                tcp flags & (syn|rst) == syn|rst jump log-drop
                tcp flags & (fin|syn|rst|psh|ack|urg) == 0x0 jump log-drop
                icmp type echo-request accept
                icmpv6 type { echo-request, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept
                tcp dport { 25, 465, 587, 993 } accept
                tcp dport 22 accept
                jump log-drop
              }
            }
            """),
        ("early drops and a filter", """
            table inet early {
              chain prerouting {
                type filter hook prerouting priority raw; policy accept;
                iifname != "lo" ip saddr 127.0.0.0/8 drop
                tcp flags & (fin|psh|urg) == fin|psh|urg drop
                udp sport { 17, 19, 1900, 11211 } counter drop
                udp sport 123 udp length > 256 drop
              }
            }
            table inet filter {
              chain input {
                type filter hook input priority filter; policy drop;
                iifname lo accept
                ct state established accept
                ct state related accept
                tcp dport { 80, 443 } counter accept
                ip saddr { 203.0.113.0/24, 198.51.100.7 } tcp dport 22 accept
                log prefix "dropped " group 1
              }
            }
            """),
        ("a gateway's zones, which judge what is sent, too", """
            table inet fw4 {
              limit logs { rate 2/minute; }
              chain input {
                type filter hook input priority filter; policy drop;
                iif "lo" accept
                ct state vmap { established : accept, related : accept }
                ct mark 0x11 accept
                iifgroup 7 accept
                jump zone_in
              }
              chain zone_in {
                tcp dport 22 meta mark 3 return
                ct status dnat accept
                tcp dport { 22, 443 } accept
                limit name "logs" log prefix "drop: "
                counter drop
              }
              chain mangle { type filter hook prerouting priority mangle; policy accept; meta nfproto ipv4 meta l4proto tcp ip dscp set cs1; }
              chain output {
                type filter hook output priority filter; policy drop;
                oif "lo" accept
                ct state vmap { established : accept, related : accept }
                meta l4proto { tcp, udp } accept
              }
              chain dstnat { type nat hook prerouting priority dstnat; policy accept; iifname "wan" tcp dport 8443 redirect to :443; }
            }
            """),
        ("a game server without connections", """
            table ip filter {
              chain input {
                type filter hook input priority 0; policy drop;
                iif lo accept
                udp dport { 27015-27030, 9987 } accept
                tcp dport 22 accept
                tcp flags & (syn|ack) == ack accept
                icmp type { echo-request, destination-unreachable } accept
                udp sport 53 accept
                counter
              }
            }
            """),
    ];
}
