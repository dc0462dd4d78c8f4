using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Net;
using Sos.Cores;
using Sos.Cores.BackEnds;
using Sos.Cores.Native;
using Sos.Cores.Operations;
using Sos.Cores.Running;
using Sos.Firewall.Capture;
using Sos.Firewall.Connections;
using Sos.Firewall.Tables;
using Sos.Firewall.Tracking;
using Sos.Sdk.Wire;
using Sos.Verbs;

namespace Sos.Firewall.Control;

/// <summary><c>sosctl firewall flows</c>: the connections that a core tracks.</summary>
internal static class FlowsVerb
{
    private const int Ipv4Size = 4;

    private static readonly string[] Services = [FirewallCompanion.ServiceName, "guard"];

    /// <summary>Shows the flows of a core.</summary>
    /// <param name="terminal">Where they go.</param>
    /// <param name="cpu">The core.</param>
    /// <exception cref="SosException">It runs no firewall, or one that tracks nothing.</exception>
    public static int Run(Terminal terminal, int cpu)
    {
        ServiceReadings readings = new(new CoreBackEnds());
        (IServiceCore Core, CoreRecord Record) found = Services.Select(service => readings.Find(service, cpu)).FirstOrDefault(one => one is not null)
            ?? throw new SosException(
                SosError.NotFound, $"core {cpu} runs no firewall: 'sosctl service start {cpu} firewall.sosimg --device DEVICE' starts one");
        using IServiceCore core = found.Core;
        List<FlowEntry> flows = [.. Read(core, found.Record).Select(Describe)];
        terminal.Write(new FlowsDocument(cpu, flows), FirewallVerbs.Documents.FlowsDocument, output =>
        {
            Terminal.WriteTable(output, ["PROTOCOL", "FROM", "TO", "STATE", "STATUS", "SECONDS"], flows.Select(flow => (IReadOnlyList<string>)
                [flow.Protocol, flow.From, flow.To, flow.State ?? "-", string.Join(',', flow.Status), flow.Seconds.ToString(CultureInfo.InvariantCulture)]));
            output.WriteLine($"{flows.Count} flows");
        });
        return 0;
    }

    private static unsafe List<FlowRecord> Read(IServiceCore core, CoreRecord record)
    {
        if (record.SharedMemory.Count > 0)
        {
            SharedMemoryRecord last = record.SharedMemory[^1];
            using MappedMemory memory = core.Map(last.MapOffset, last.Size);
            if (memory.Size > CaptureHeader.TotalSize
                && ListedFlows.IsLaidOut(memory.Address + CaptureHeader.TotalSize, memory.Size - CaptureHeader.TotalSize))
            {
                return new ListedFlows(memory.Address + CaptureHeader.TotalSize).TryRead() ?? throw new SosException(
                    SosError.Refused,
                    $"core {core.Cpu} tracks no connections: its rules do not ask for any ('sosctl firewall show {core.Cpu}' names them), or it does not run");
            }
        }

        throw new SosException(
            SosError.Refused, $"the service on core {core.Cpu} has no memory for its flows: build image and sosctl from the same version, and start it again");
    }

    /// <summary>Puts a flow into words, as its first packet went.</summary>
    internal static FlowEntry Describe(FlowRecord flow)
    {
        bool isQuery = flow.Tuple.Protocol is IpProtocol.Icmp or IpProtocol.Icmpv6;
        bool hasPorts = ConnectionKey.HasPorts((byte)flow.Tuple.Protocol) || flow.Tuple.Protocol is IpProtocol.UdpLite or IpProtocol.Sctp or IpProtocol.Dccp;
        string first = Place(flow.Tuple.Version, flow.Tuple.First, hasPorts ? flow.Tuple.Ports >> 16 : null);
        string second = Place(flow.Tuple.Version, flow.Tuple.Second, hasPorts ? flow.Tuple.Ports & ushort.MaxValue : null);
        string protocol = isQuery
            ? $"{Name(flow.Tuple.Protocol)} {(byte)(flow.Tuple.Ports >> 8)}.{(byte)flow.Tuple.Ports} id {flow.Tuple.Ports >> 16}" : Name(flow.Tuple.Protocol);
        return new FlowEntry(
            protocol, flow.IsFromSecond != 0 ? second : first, flow.IsFromSecond != 0 ? first : second,
            flow.Tuple.Protocol == IpProtocol.Tcp ? StateOf(flow.State) : null, StatusOf(flow.Status), flow.SecondsLeft);
    }

    private static string Name(IpProtocol protocol)
        => Enum.IsDefined(protocol) ? protocol.ToString().ToLowerInvariant() : ((byte)protocol).ToString(CultureInfo.InvariantCulture);

    private static string Place(int version, Address128 address, uint? port)
    {
        Span<byte> bytes = stackalloc byte[Address128.Size];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, address.High);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[sizeof(ulong)..], address.Low);
        string text = new IPAddress(version == 4 ? bytes[^Ipv4Size..] : bytes).ToString();
        string ends = version == 4 ? text : $"[{text}]";
        return port is { } number ? string.Create(CultureInfo.InvariantCulture, $"{ends}:{number}") : text;
    }

    // The names of Linux's conntrack(8).
    private static string StateOf(TcpState state) => state switch
    {
        TcpState.SynSent => "SYN_SENT",
        TcpState.SynReceived => "SYN_RECV",
        TcpState.Established => "ESTABLISHED",
        TcpState.FinWait => "FIN_WAIT",
        TcpState.CloseWait => "CLOSE_WAIT",
        TcpState.LastAck => "LAST_ACK",
        TcpState.TimeWait => "TIME_WAIT",
        TcpState.Close => "CLOSE",
        TcpState.SynSent2 => "SYN_SENT2",
        _ => "NONE",
    };

    private static List<string> StatusOf(FlowStatus status)
    {
        List<string> words = [(status & FlowStatus.SeenReply) == 0 ? "unreplied" : "seen-reply"];
        if ((status & FlowStatus.Assured) != 0)
        {
            words.Add("assured");
        }

        return words;
    }
}
