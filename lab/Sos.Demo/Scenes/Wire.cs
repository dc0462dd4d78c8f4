using System;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;
using Sos.Lab;
using Sos.Lab.Network;
using Sos.Traffic;
using Sos.Traffic.Wire;

namespace Sos.Demo.Scenes;

/// <summary>The process on the other side of the machine's card: it carries the good clients' frames, and the flood.</summary>
internal sealed class Wire : IAsyncDisposable
{
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(20);
    private readonly Process _process;
    private readonly SemaphoreSlim _turn = new(1);

    private Wire(Process process) => _process = process;

    /// <summary>The traffic tools' program.</summary>
    public static string Program => Path.Combine(AppContext.BaseDirectory, "sos-traffic.dll");

    /// <summary>Its process.</summary>
    public int ProcessId => _process.Id;

    /// <summary>Starts it; it listens for QEMU when this returns.</summary>
    /// <param name="network">Its first tap is where the good clients' frames come from.</param>
    /// <param name="socket">Where QEMU is to connect.</param>
    /// <param name="sourcesFile">The flood's sources, one address a line.</param>
    /// <exception cref="LabException">It did not start.</exception>
    public static async Task<Wire> StartAsync(LabNetwork network, string socket, string sourcesFile)
    {
        Wire wire = new(HostProcess.Start(
        [
            "ip", "netns", "exec", network.SwitchNamespace, "dotnet", Program, "wire", socket, LabNetwork.Tap(),
            LabNetwork.MachineMac().Replace(':', '-'), LabNetwork.MachineIPv4(), sourcesFile,
        ]));
        string? line = await wire._process.StandardOutput.ReadLineAsync().WaitAsync(AnswerLimit);
        if (line == "listening")
        {
            return wire;
        }

        string error = await wire._process.StandardError.ReadToEndAsync();
        await wire.DisposeAsync();
        throw new LabException($"the wire did not start: {error}");
    }

    /// <summary>Floods the machine from now on.</summary>
    /// <param name="packetsPerSecond">The rate; 0 ends it.</param>
    public Task FloodAsync(long packetsPerSecond) =>
        AskAsync(string.Create(CultureInfo.InvariantCulture, $"flood {packetsPerSecond}"));

    /// <summary>The counts so far.</summary>
    public async Task<WireStatistics> ReadAsync() =>
        JsonSerializer.Deserialize(await AskAsync("stats"), TrafficJson.Default.WireStatistics)!;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await _process.WaitForExitAsync();
        _process.Dispose();
        _turn.Dispose();
    }

    private async Task<string> AskAsync(string line)
    {
        await _turn.WaitAsync();
        try
        {
            await _process.StandardInput.WriteLineAsync(line);
            await _process.StandardInput.FlushAsync();
            return await _process.StandardOutput.ReadLineAsync().WaitAsync(AnswerLimit)
                ?? throw new LabException($"the wire ended: {await _process.StandardError.ReadToEndAsync()}");
        }
        finally
        {
            _ = _turn.Release();
        }
    }
}
