using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Globalization;
using System.Net;
using System.Text;
using Sos.Firewall.Tables;
using Sos.Sdk.Wire;

namespace Sos.Firewall.Control;

/// <summary>
/// Writes the line that Linux's packet log (nf_log_syslog) writes of a packet, word by word, so that what reads firewall logs reads it: fail2ban, psad.
/// </summary>
internal sealed class PacketLog
{
    private const int TcpSize = 20;
    private const int UdpSize = 8;
    private const int IcmpSize = 8;
    private const int Ipv4Size = 20;
    private const int Ipv6Size = 40;
    private const int MacsSize = 12;
    private const byte UdpLite = 136;
    private const byte Esp = 50;

    // RFC 9293, 3.1, from the highest bit.
    private static readonly string[] TcpFlags = ["CWR", "ECE", "URG", "ACK", "PSH", "RST", "SYN", "FIN"];

    // Bytes of ICMP messages without which the line tells no more of them.
    private static readonly Dictionary<byte, int> IcmpNeeds = new()
    {
        [0] = 4,
        [3] = IcmpSize + Ipv4Size,
        [4] = IcmpSize + Ipv4Size,
        [5] = IcmpSize + Ipv4Size,
        [8] = 4,
        [11] = IcmpSize + Ipv4Size,
        [12] = IcmpSize + Ipv4Size,
        [13] = 20,
        [14] = 20,
        [17] = 12,
        [18] = 12,
    };

    private readonly StringBuilder _line = new();
    private readonly LogFlags _flags;
    private byte[] _frame;

    private PacketLog(LoggedPacket packet)
    {
        _frame = packet.Bytes;
        _flags = packet.Flags;
    }

    /// <summary>Writes a packet's line.</summary>
    /// <param name="packet">The packet.</param>
    /// <param name="port">The interface by which it came, or goes.</param>
    public static string Format(LoggedPacket packet, string port)
    {
        PacketLog log = new(packet);
        log._line.Append(packet.Prefix).Append("IN=").Append(packet.IsSent ? string.Empty : port).Append(" OUT=")
            .Append(packet.IsSent ? port : string.Empty).Append(' ');
        _ = FrameParser.Parse(packet.Bytes, out ParsedFrame parsed); // A frame that was cut is malformed behind its headers.
        int at = parsed.NetworkOffset;
        if (at < MacsSize + 2)
        {
            return log._line.Append("TRUNCATED").ToString();
        }

        log.Trim(at);
        if (!packet.IsSent)
        {
            log.AddMacs(at);
        }

        if (parsed.EtherType == EtherType.Ipv4)
        {
            log.AddIpv4(at, isQuoted: false);
        }
        else
        {
            log.AddIpv6(at, isQuoted: false);
        }

        return log._line.ToString();
    }

    /// <summary>Takes padding off, as Linux does before its rules.</summary>
    private void Trim(int network)
    {
        if (Has(network, Ipv4Size))
        {
            int size = _frame[network] >> 4 == 4 ? Half(network + 2) : Half(network + 4) + Ipv6Size;
            _frame = _frame[..Math.Min(_frame.Length, network + size)];
        }
    }

    private bool Has(int at, int size) => at >= 0 && at + size <= _frame.Length;

    private ushort Half(int at) => BinaryPrimitives.ReadUInt16BigEndian(_frame.AsSpan(at));

    private uint Word(int at) => BinaryPrimitives.ReadUInt32BigEndian(_frame.AsSpan(at));

    private void Add(FormattableString words) => _line.Append(FormattableString.Invariant(words));

    private void AddIncomplete(int at) => Add($"INCOMPLETE [{Math.Max(_frame.Length - at, 0)} bytes] ");

    // A tag is not shown: Linux has taken it off before.
    private void AddMacs(int network)
    {
        string Mac(int at) => Convert.ToHexStringLower(_frame, at, 6).Insert(10, ":").Insert(8, ":").Insert(6, ":").Insert(4, ":").Insert(2, ":");
        ushort type = Half(network - 2);
        _line.Append((_flags & LogFlags.Ether) != 0
            ? $"MACSRC={Mac(6)} MACDST={Mac(0)} MACPROTO={type:x4} "
            : $"MAC={Mac(0)}:{Mac(6)}:{type >> 8:x2}:{type & 0xff:x2} ");
    }

    private void AddIpv4(int at, bool isQuoted)
    {
        if (!Has(at, Ipv4Size))
        {
            _line.Append("TRUNCATED");
            return;
        }

        ushort place = Half(at + 6);
        byte tos = _frame[at + 1];
        Add($"SRC={new IPAddress(_frame.AsSpan(at + 12, 4))} DST={new IPAddress(_frame.AsSpan(at + 16, 4))} ");
        Add($"LEN={Half(at + 2)} TOS=0x{tos & 0x1e:X2} PREC=0x{tos & 0xe0:X2} TTL={_frame[at + 8]} ID={Half(at + 4)} ");
        _line.Append((place & 0x8000) != 0 ? "CE " : string.Empty).Append((place & 0x4000) != 0 ? "DF " : string.Empty)
            .Append((place & 0x2000) != 0 ? "MF " : string.Empty);
        int offset = place & 0x1fff;
        if (offset != 0)
        {
            Add($"FRAG:{offset} ");
        }

        int size = (_frame[at] & 0xf) * 4;
        if ((_flags & LogFlags.IpOptions) != 0 && size > Ipv4Size && !TryAddOptions(at + Ipv4Size, size - Ipv4Size, "TRUNCATED"))
        {
            return;
        }

        byte protocol = _frame[at + 9];
        switch ((IpProtocol)protocol)
        {
            case IpProtocol.Icmp:
                AddIcmp(at + size, offset != 0, isQuoted);
                break;
            case IpProtocol.Authentication or (IpProtocol)Esp:
                AddSecurity(protocol, at + size, offset != 0);
                break;
            default:
                AddTransport(protocol, at + size, offset != 0);
                break;
        }
    }

    private void AddSecurity(byte protocol, int at, bool isLater)
    {
        bool isEsp = protocol == Esp;
        if (isLater && !isEsp)
        {
            return;
        }

        _line.Append(isEsp ? "PROTO=ESP " : "PROTO=AH ");
        if (isLater)
        {
            return;
        }

        if (!Has(at, isEsp ? 8 : 12))
        {
            AddIncomplete(at);
            return;
        }

        Add($"SPI=0x{Word(at + (isEsp ? 0 : 4)):x} ");
    }

    private void AddTransport(byte protocol, int at, bool isLater)
    {
        switch ((IpProtocol)protocol)
        {
            case IpProtocol.Tcp:
                _line.Append("PROTO=TCP ");
                AddTcp(at, isLater);
                break;
            case IpProtocol.Udp or (IpProtocol)UdpLite:
                _line.Append(protocol == UdpLite ? "PROTO=UDPLITE " : "PROTO=UDP ");
                if (!isLater && !Has(at, UdpSize))
                {
                    AddIncomplete(at);
                }
                else if (!isLater)
                {
                    Add($"SPT={Half(at)} DPT={Half(at + 2)} LEN={Half(at + 4)} ");
                }

                break;
            default:
                Add($"PROTO={protocol} ");
                break;
        }
    }

    private void AddTcp(int at, bool isLater)
    {
        if (isLater)
        {
            return;
        }

        if (!Has(at, TcpSize))
        {
            AddIncomplete(at);
            return;
        }

        Add($"SPT={Half(at)} DPT={Half(at + 2)} ");
        if ((_flags & LogFlags.TcpSequence) != 0)
        {
            Add($"SEQ={Word(at + 4)} ACK={Word(at + 8)} ");
        }

        Add($"WINDOW={Half(at + 14)} RES=0x{(_frame[at + 12] & 0xf) << 2:x2} ");
        for (int bit = 0; bit < TcpFlags.Length; bit++)
        {
            _line.Append((_frame[at + 13] & (0x80 >> bit)) != 0 ? TcpFlags[bit] + " " : string.Empty);
        }

        Add($"URGP={Half(at + 18)} ");
        int size = (_frame[at + 12] >> 4) * 4;
        if ((_flags & LogFlags.TcpOptions) != 0 && size > TcpSize)
        {
            _ = TryAddOptions(at + TcpSize, size - TcpSize, "OPT (TRUNCATED)");
        }
    }

    private bool TryAddOptions(int at, int size, string otherwise)
    {
        bool has = Has(at, size);
        _line.Append(has ? $"OPT ({Convert.ToHexString(_frame, at, size)}) " : otherwise);
        return has;
    }

    /// <summary>Adds how a message of ICMP or ICMPv6 begins.</summary>
    private bool TryAddType(int at, bool isLater, string protocol, out byte type)
    {
        type = 0;
        _line.Append("PROTO=").Append(protocol).Append(' ');
        if (isLater)
        {
            return false;
        }

        if (!Has(at, IcmpSize))
        {
            AddIncomplete(at);
            return false;
        }

        type = _frame[at];
        Add($"TYPE={type} CODE={_frame[at + 1]} ");
        return true;
    }

    private void AddIcmp(int at, bool isLater, bool isQuoted)
    {
        if (!TryAddType(at, isLater, "ICMP", out byte type))
        {
            return;
        }

        if (IcmpNeeds.TryGetValue(type, out int needed) && !Has(at, needed))
        {
            AddIncomplete(at);
            return;
        }

        switch (type)
        {
            case 0 or 8:
                Add($"ID={Half(at + 4)} SEQ={Half(at + 6)} ");
                break;
            case 12:
                Add($"PARAMETER={_frame[at + 4]} ");
                break;
            case 3 or 4 or 5 or 11:
                AddQuote(type == 5 ? $"GATEWAY={new IPAddress(_frame.AsSpan(at + 4, 4))} " : string.Empty, at, isQuoted);
                _line.Append(type == 3 && _frame[at + 1] == 4 ? FormattableString.Invariant($"MTU={Half(at + 6)} ") : string.Empty);
                break;
        }
    }

    private void AddQuote(string before, int at, bool isQuoted)
    {
        _line.Append(before);
        if (!isQuoted)
        {
            _line.Append('[');
            AddIpv4(at + IcmpSize, isQuoted: true);
            _line.Append("] ");
        }
    }

    private void AddIpv6(int at, bool isQuoted)
    {
        if (!Has(at, Ipv6Size))
        {
            _line.Append("TRUNCATED");
            return;
        }

        Add($"SRC={Groups(at + 8)} DST={Groups(at + 24)} LEN={Half(at + 4) + Ipv6Size} TC={Word(at) >> 20 & 0xff} HOPLIMIT={_frame[at + 7]} ");
        Add($"FLOWLBL={Word(at) & 0xfffff} ");
        byte next = _frame[at + 6];
        int place = at + Ipv6Size;
        bool isLater = false;
        while ((IpProtocol)next is IpProtocol.HopByHop or IpProtocol.Routing or IpProtocol.Fragment or IpProtocol.DestinationOptions
            or IpProtocol.Authentication or (IpProtocol)Esp)
        {
            if (TryAddExtension(next, ref place, ref isLater) is not { } following)
            {
                return;
            }

            next = following;
        }

        if ((IpProtocol)next == IpProtocol.Icmpv6)
        {
            AddIcmpv6(place, isLater, isQuoted);
        }
        else
        {
            AddTransport(next, place, isLater);
        }
    }

    /// <summary>Tells of an extension header.</summary>
    /// <returns>What follows it; null where the line ends.</returns>
    private byte? TryAddExtension(byte kind, ref int at, ref bool isLater)
    {
        if (!Has(at, 2))
        {
            _line.Append("TRUNCATED");
            return null;
        }

        bool withOptions = (_flags & LogFlags.IpOptions) != 0;
        _line.Append(withOptions ? "OPT ( " : string.Empty);
        int size = (_frame[at + 1] + 1) * 8;
        switch ((IpProtocol)kind)
        {
            case IpProtocol.Fragment:
                if (!Has(at, 8))
                {
                    _line.Append("FRAG:TRUNCATED ");
                    return null;
                }

                int place = Half(at + 2);
                Add($"FRAG:{place & 0xfff8} {((place & 1) != 0 ? "INCOMPLETE " : string.Empty)}ID:{Word(at + 4):x8} ");
                isLater |= (place & 0xfff8) != 0;
                size = 8;
                break;
            case IpProtocol.Authentication or (IpProtocol)Esp:
                bool isEsp = kind == Esp;
                size = (_frame[at + 1] + 2) * 4; // RFC 4302, 2.2
                if (withOptions && !TryAddSecurityExtension(isEsp, at, isLater))
                {
                    return null;
                }

                if (isEsp)
                {
                    return null;
                }

                break;
            default:
                if (isLater)
                {
                    _line.Append(withOptions ? ")" : string.Empty);
                    return null;
                }

                break;
        }

        _line.Append(withOptions ? ") " : string.Empty);
        byte next = _frame[at];
        at += size;
        return next;
    }

    private bool TryAddSecurityExtension(bool isEsp, int at, bool isLater)
    {
        _line.Append(isEsp ? "ESP " : "AH ");
        if (isLater)
        {
            _line.Append(')');
            return false;
        }

        if (!Has(at, isEsp ? 8 : 12))
        {
            Add($"INCOMPLETE [{Math.Max(_frame.Length - at, 0)} bytes] )");
            return false;
        }

        _line.Append(isEsp ? FormattableString.Invariant($"SPI=0x{Word(at):x} )") : FormattableString.Invariant($"SPI=0x{Word(at + 4):x} "));
        return true;
    }

    private void AddIcmpv6(int at, bool isLater, bool isQuoted)
    {
        if (!TryAddType(at, isLater, "ICMPv6", out byte type))
        {
            return;
        }

        switch (type)
        {
            case 128 or 129:
                Add($"ID={Half(at + 4)} SEQ={Half(at + 6)} ");
                break;
            case 1 or 2 or 3 or 4:
                _line.Append(type == 4 ? FormattableString.Invariant($"POINTER={Word(at + 4):x8} ") : string.Empty);
                if (!isQuoted)
                {
                    _line.Append('[');
                    AddIpv6(at + IcmpSize, isQuoted: true);
                    _line.Append("] ");
                }

                _line.Append(type == 2 ? FormattableString.Invariant($"MTU={Word(at + 4)} ") : string.Empty);
                break;
        }
    }

    private string Groups(int at)
    {
        List<string> groups = [];
        for (int i = 0; i < 16; i += 2)
        {
            groups.Add(Half(at + i).ToString("x4", CultureInfo.InvariantCulture));
        }

        return string.Join(':', groups);
    }
}
