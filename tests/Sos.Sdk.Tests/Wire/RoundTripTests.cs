using CsCheck;
using Sos.Sdk.Wire;
using Xunit;

namespace Sos.Sdk.Tests.Wire;

/// <summary>Headers that are written are read back the same.</summary>
public sealed class RoundTripTests
{
    private static readonly Gen<MacAddress> MacAddresses = Gen.ULong.Select(value => new MacAddress(value));
    private static readonly Gen<Ipv6Address> Ipv6Addresses = Gen.Select(Gen.ULong, Gen.ULong, (high, low) => new Ipv6Address(high, low));

    [Fact]
    public void Ethernet()
        => Gen.Select(MacAddresses, MacAddresses, Gen.Int[0, 2], Gen.UShort, Gen.UShort, Gen.Bool).Sample((to, from, tags, outer, inner, service) =>
        {
            EthernetHeader header = new()
            {
                Destination = to,
                Source = from,
                TagCount = (byte)tags,
                Outer = tags > 0 ? new VlanTag(service ? EtherType.ServiceVlan : EtherType.Vlan, outer) : default,
                Inner = tags > 1 ? new VlanTag(EtherType.Vlan, inner) : default,
                Type = EtherType.Ipv6,
            };
            byte[] bytes = new byte[header.Length];
            header.Write(bytes);
            return EthernetHeader.Parse(bytes, out EthernetHeader read) == MalformedReason.None && read == header;
        });

    [Fact]
    public void Arp()
        => Gen.Select(Gen.UShort, MacAddresses, Gen.UInt, MacAddresses, Gen.UInt).Sample((operation, from, fromIp, to, toIp) =>
        {
            ArpPacket packet = new() { Operation = operation, SenderMac = from, SenderAddress = fromIp, TargetMac = to, TargetAddress = toIp };
            byte[] bytes = new byte[ArpPacket.Size];
            packet.Write(bytes);
            return ArpPacket.Parse(bytes, out ArpPacket read) == MalformedReason.None && read == packet;
        });

    [Fact]
    public void Ipv4()
        => Gen.Select(Gen.Int[5, 15], Gen.Byte, Gen.Byte, Gen.UInt, Gen.UInt, Gen.UShort, Gen.Bool, Gen.Int[0, 1000])
            .Sample((words, service, protocol, source, destination, identification, more, offset) =>
            {
                Ipv4Header header = new()
                {
                    HeaderLength = (byte)(words * 4),
                    TotalLength = (ushort)((words * 4) + 16),
                    TypeOfService = service,
                    TimeToLive = service,
                    DoNotFragment = !more,
                    Fragment = new FragmentInfo((ushort)(offset * 8), more, identification),
                    Protocol = (IpProtocol)protocol,
                    Source = source,
                    Destination = destination,
                };
                byte[] bytes = new byte[header.TotalLength];
                header.Write(bytes);
                return Ipv4Header.Parse(bytes, out Ipv4Header read) == MalformedReason.None && read == header;
            });

    [Fact]
    public void Ipv6()
        => Gen.Select(Ipv6Addresses, Ipv6Addresses, Gen.Byte, Gen.UInt, Gen.Int[0, 64]).Sample((source, destination, traffic, label, length) =>
        {
            Ipv6Header header = new()
            {
                TrafficClass = traffic,
                FlowLabel = label & 0xf_ffff,
                PayloadLength = (ushort)length,
                NextHeader = (IpProtocol)traffic,
                HopLimit = traffic,
                Source = source,
                Destination = destination,
            };
            byte[] bytes = new byte[Ipv6Header.Size + length];
            header.Write(bytes);
            return Ipv6Header.Parse(bytes, out Ipv6Header read) == MalformedReason.None && read == header;
        });

    [Fact]
    public void Transport()
        => Gen.Select(Gen.UShort, Gen.UShort, Gen.UInt, Gen.UInt, Gen.Int[5, 15], Gen.Byte).Sample((source, destination, seq, ack, words, flags) =>
        {
            TcpHeader tcp = new()
            {
                SourcePort = source,
                DestinationPort = destination,
                Sequence = seq,
                Acknowledgment = ack,
                HeaderLength = (byte)(words * 4),
                Flags = (TcpFlags)flags,
                Window = source,
                Checksum = destination,
                Urgent = source,
            };
            UdpHeader udp = new() { SourcePort = source, DestinationPort = destination, Length = 60, Checksum = source };
            IcmpHeader icmp = new() { Type = flags, Code = (byte)words, Checksum = source, Rest = seq };
            Icmpv6Header icmpv6 = new() { Type = flags, Code = (byte)words, Checksum = source };
            byte[] bytes = new byte[60];
            tcp.Write(bytes);
            bool same = TcpHeader.Parse(bytes, out TcpHeader readTcp) == MalformedReason.None && readTcp == tcp;
            udp.Write(bytes);
            same &= UdpHeader.Parse(bytes, out UdpHeader readUdp) == MalformedReason.None && readUdp == udp;
            icmp.Write(bytes);
            same &= IcmpHeader.Parse(bytes, out IcmpHeader readIcmp) == MalformedReason.None && readIcmp == icmp;
            icmpv6.Write(bytes);
            return same && Icmpv6Header.Parse(bytes, out Icmpv6Header readIcmpv6) == MalformedReason.None && readIcmpv6 == icmpv6;
        });
}
