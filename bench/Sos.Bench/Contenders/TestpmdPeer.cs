using System;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using System.Threading;

namespace Sos.Bench.Contenders;

/// <summary>DPDK's testpmd on net_null, swapping MAC addresses: it tells the cycles of a packet itself.</summary>
internal sealed partial class TestpmdPeer : IDisposable
{
    /// <summary>The program.</summary>
    public const string Program = "/usr/bin/dpdk-testpmd";

    private const int BlockMs = 60;

    private readonly Process _process;

    /// <summary>Starts it; it waits for the first block.</summary>
    public TestpmdPeer(Placement placement, int burst)
    {
        string arguments = "--no-huge -m 1024 --no-pci --no-telemetry --no-shconf --vdev=net_null0 --vdev=net_null1 "
            + $"-l {(placement.Cpu == 0 ? 1 : 0)},{placement.Cpu} -- -i --mbuf-size=640 --forward-mode=macswap --burst={burst} --record-core-cycles";

        // Line by line: into a pipe the C library would hold the cycles back until the end.
        ProcessStartInfo start = placement.RealTime
            ? new ProcessStartInfo("chrt", $"-f 50 stdbuf -oL {Program} {arguments}")
            : new ProcessStartInfo("stdbuf", $"-oL {Program} {arguments}");
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        _process = Process.Start(start)!;
        _process.ErrorDataReceived += (_, _) => { };
        _process.BeginErrorReadLine();
    }

    /// <summary>Runs a block.</summary>
    /// <returns>Nanoseconds per packet.</returns>
    public double Run()
    {
        _process.StandardInput.WriteLine("start");
        _process.StandardInput.Flush();
        Thread.Sleep(BlockMs);
        _process.StandardInput.WriteLine("stop");
        _process.StandardInput.Flush();
        while (_process.StandardOutput.ReadLine() is { } line)
        {
            Match match = Cycles().Match(line);
            if (match.Success)
            {
                return Number(match, 1) / Number(match, 2) * 1000;
            }
        }

        throw new BenchException("testpmd ended without telling its cycles");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _process.StandardInput.WriteLine("quit");
        _process.StandardInput.Close();
        if (!_process.WaitForExit(10_000))
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    private static double Number(Match match, int group) => double.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"CPU cycles/packet=([0-9.]+).* at ([0-9]+) MHz")]
    private static partial Regex Cycles();
}
