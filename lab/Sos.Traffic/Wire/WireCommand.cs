using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.NetworkInformation;
using System.Text.Json;
using System.Threading;
using Sos.Linux;

namespace Sos.Traffic.Wire;

/// <summary>
/// <c>sos-traffic wire</c>: connects a machine's card to a tap device, and floods it on demand. It is driven over its standard
/// input: <c>flood RATE</c> (frames per second, 0 ends it), <c>stats</c>, <c>quit</c>; it answers each line with one line: a
/// JSON object with the counters, or <c>ok</c>.
/// </summary>
internal static class WireCommand
{
    private const int FrameCount = 16384;
    private const int Seed = 20;
    private const int PrSetTimerSlack = 29;
    private const long RateMax = 5_000_000;

    /// <summary>Runs until <c>quit</c>, the end of the input, or QEMU's end.</summary>
    /// <param name="arguments">SOCKET TAP MACHINE-MAC MACHINE-IP SOURCES-FILE.</param>
    public static int Run(ReadOnlySpan<string> arguments)
    {
        if (arguments.Length != 5)
        {
            Console.Error.WriteLine("usage: sos-traffic wire SOCKET TAP MACHINE-MAC MACHINE-IP SOURCES-FILE");
            return 2;
        }

        string tapName = arguments[1];
        FloodTarget target = new(
            PhysicalAddress.Parse(arguments[2]), PhysicalAddress.Parse("02-05-05-00-00-01"), IPAddress.Parse(arguments[3]));
        List<IPAddress> sources = [.. File.ReadLines(arguments[4]).Where(line => line.Length > 0).Select(IPAddress.Parse)];
        using VhostUserCard card = new(arguments[0]);
        using TapPort tap = new(tapName);
        Console.WriteLine("listening");
        card.Accept();
        WireLoop loop = new(card, tap, FloodFrames.Build(FrameCount, target, sources, Seed));
        Thread thread = new(() => RunLoop(loop)) { IsBackground = true, Name = "wire", Priority = ThreadPriority.Highest };
        thread.Start();
        Obey(loop, thread);
        loop.Stop();
        thread.Join();
        return 0;
    }

    private static unsafe void RunLoop(WireLoop loop)
    {
        // Where it is allowed, the wire goes before whoever shares its CPU: it sleeps most of the time, and a late wire is a
        // fault of the lab. Where it is not allowed, the counters show how late it was.
        int priority = 1;
        _ = SchedulerCalls.SetScheduler(0, SchedulerCalls.RoundRobin, &priority);
        _ = ProcessCalls.ProcessControl(PrSetTimerSlack, 1, 0, 0, 0);
        loop.Run();
    }

    private static void Obey(WireLoop loop, Thread thread)
    {
        while (thread.IsAlive && Console.ReadLine() is { } line)
        {
            switch (line.Split(' '))
            {
                case ["flood", string rate]:
                    loop.SetFlood(Math.Clamp(long.Parse(rate, CultureInfo.InvariantCulture), 0, RateMax));
                    Console.WriteLine("ok");
                    break;
                case ["stats"]:
                    Console.WriteLine(JsonSerializer.Serialize(loop.Read(), TrafficJson.Default.WireStatistics));
                    break;
                case ["quit"]:
                    Console.WriteLine("ok");
                    return;
                default:
                    Console.WriteLine("unknown");
                    break;
            }
        }
    }
}
