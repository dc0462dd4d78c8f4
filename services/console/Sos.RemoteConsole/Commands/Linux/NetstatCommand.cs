using System;
using Sos.RemoteConsole.View;

namespace Sos.RemoteConsole.Commands.Linux;

/// <summary><c>netstat</c>: counters of Linux's network.</summary>
internal readonly struct NetstatCommand : ICommand
{
    private const int Phase = 0;
    private const int NameSize = 32;
    private const uint CpuUnit = 1000; // of CpuMask.CpusMax the first digit

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "netstat"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => default;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "counters of Linux's network: frames of each CPU, IP, TCP, UDP"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Table;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => "COUNTER                             VALUE"u8;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        if (!LinuxView.IsOpen(ref run, LinuxField.CpuIds, LinuxField.PerCpuOffset, LinuxField.CpuOnline))
        {
            return CommandProgress.Done;
        }

        ref LinuxMemory linux = ref run.Context.Linux;
        if (run.State.Kept[Phase] == 0)
        {
            uint cpu = (uint)run.State.Step;
            if (CpuMask.TryFindOnline(ref linux, ref cpu))
            {
                WriteCpu(ref run, ref linux, cpu);
                run.State.Step = cpu + 1UL;
                return CommandProgress.More;
            }

            run.State.Kept[Phase] = 1;
            run.State.Step = 0;
        }

        return WriteCounter(ref run, ref linux, (int)run.State.Step++) ? CommandProgress.More : CommandProgress.Done;
    }

    private static void WriteCpu(ref CommandRun run, ref LinuxMemory linux, uint cpu)
    {
        if (!linux.Symbols.Has(LinuxField.SoftNet) || !linux.TryFindPerCpu(linux.Value(LinuxField.SoftNet), cpu, out ulong softnet))
        {
            return;
        }

        if (linux.TryRead(softnet, LinuxField.SoftNetProcessed, out uint processed))
        {
            WriteCpu(ref run, cpu, "processed"u8, processed);
        }

        if (linux.TryRead(softnet, LinuxField.SoftNetDropped, out uint dropped))
        {
            _ = linux.TryRead(softnet, LinuxField.SoftNetDroppedMore, out uint more);
            WriteCpu(ref run, cpu, "dropped"u8, unchecked(dropped + more));
        }

        if (linux.TryRead(softnet, LinuxField.SoftNetSqueezed, out uint squeezed))
        {
            WriteCpu(ref run, cpu, "squeezed"u8, squeezed);
        }
    }

    private static void WriteCpu(ref CommandRun run, uint cpu, ReadOnlySpan<byte> what, uint value)
    {
        Span<byte> name = stackalloc byte[NameSize];
        "cpu"u8.CopyTo(name);
        int length = 3;
        for (uint unit = CpuUnit; unit > 0; unit /= 10)
        {
            if (cpu >= unit || unit == 1)
            {
                name[length++] = (byte)('0' + (cpu / unit % 10));
            }
        }

        name[length++] = (byte)'.';
        what.CopyTo(name[length..]);
        Write(ref run, name[..(length + what.Length)], value);
    }

    private static bool WriteCounter(ref CommandRun run, ref LinuxMemory linux, int index)
    {
        (LinuxField table, LinuxField item) = index switch
        {
            0 => (LinuxField.IpCounters, LinuxField.IpReceived),
            1 => (LinuxField.IpCounters, LinuxField.IpSent),
            2 => (LinuxField.IpCounters, LinuxField.IpDiscarded),
            3 => (LinuxField.TcpCounters, LinuxField.TcpEstablished),
            4 => (LinuxField.TcpCounters, LinuxField.TcpReceived),
            5 => (LinuxField.TcpCounters, LinuxField.TcpSent),
            6 => (LinuxField.TcpCounters, LinuxField.TcpRetransmitted),
            7 => (LinuxField.UdpCounters, LinuxField.UdpReceived),
            8 => (LinuxField.UdpCounters, LinuxField.UdpSent),
            9 => (LinuxField.UdpCounters, LinuxField.UdpNoPort),
            10 => (LinuxField.LinuxCounters, LinuxField.ListenOverflows),
            11 => (LinuxField.LinuxCounters, LinuxField.ListenDrops),
            12 => (LinuxField.LinuxCounters, LinuxField.SynCookiesSent),
            _ => (LinuxField.Count, LinuxField.Count),
        };
        if (table == LinuxField.Count)
        {
            return false;
        }

        if (linux.Symbols.Has(LinuxField.Network) && linux.Symbols.Has(item) && linux.TryRead(linux.Value(LinuxField.Network), table, out ulong counters))
        {
            ulong sum = 0;
            uint cpus = CpuMask.Count(ref linux);
            for (uint cpu = 0; cpu < cpus; cpu++)
            {
                if (linux.TryFindPerCpu(counters, cpu, out ulong place) && linux.TryRead(place + (linux.Value(item) * sizeof(ulong)), out ulong value))
                {
                    sum = unchecked(sum + value);
                }
            }

            Write(ref run, NameOf(index), sum);
        }

        return true;
    }

    private static void Write(ref CommandRun run, scoped ReadOnlySpan<byte> name, ulong value)
    {
        RowWriter row = run.BeginRow();
        row.Text("counter"u8, name, 34);
        row.Number("value"u8, value);
        row.End();
    }

    private static ReadOnlySpan<byte> NameOf(int index) => index switch
    {
        0 => "ip.received"u8,
        1 => "ip.sent"u8,
        2 => "ip.discarded"u8,
        3 => "tcp.established"u8,
        4 => "tcp.received"u8,
        5 => "tcp.sent"u8,
        6 => "tcp.retransmitted"u8,
        7 => "udp.received"u8,
        8 => "udp.sent"u8,
        9 => "udp.no_port"u8,
        10 => "tcp.listen_overflows"u8,
        11 => "tcp.listen_drops"u8,
        _ => "tcp.syn_cookies_sent"u8,
    };
}
