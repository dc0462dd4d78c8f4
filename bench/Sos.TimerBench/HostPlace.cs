using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading.Tasks;
using Sos.Cores.Loading;
using Sos.Image;
using Sos.Noise.Report;
using Sos.Timer.Broker;
using Sos.Timer.Layout;

namespace Sos.TimerBench;

/// <summary>This machine: the same images in a process, natively; its last cpu is the one that is measured.</summary>
public sealed class HostPlace(string tools, string root, string configuration) : IPlace
{
    /// <inheritdoc/>
    public string Name => "host";

    /// <inheritdoc/>
    public int Cpu => Environment.ProcessorCount - 1;

    private string Runner => Path.Combine(root, "src/Sos.Runner/bin", configuration, "net10.0/linux-x64/publish/sos-runner");

    /// <inheritdoc/>
    public async Task<string> RunAsync(string line)
    {
        ProcessStartInfo start = new("/bin/sh", ["-c", $"PATH={tools}:$PATH; {line}"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? output.Trim() : throw new InvalidOperationException($"{line}: {await errors}");
    }

    /// <summary>All measurements under one load.</summary>
    public async Task MeasureAsync(Series series, bool loaded)
    {
        using Process? stress = loaded
            ? Process.Start(new ProcessStartInfo("stress-ng", ["--cpu", $"{Math.Max(1, Cpu)}", "--switch", "1", "-q"]) { RedirectStandardOutput = true })
            : null;
        try
        {
            await series.MeasureLinuxAsync();
            await NoiseAsync(series, "noise, plain thread", NoisePlace.Thread);
            await NoiseAsync(series, "noise, SCHED_FIFO thread, isolated cpuset if there can be one", NoisePlace.Fifo);
            string spinning = "timer service in a pinned thread";
            await series.TryAsync(spinning, () => ServeAsync(series, spinning, new Dictionary<string, string>()));
            string pausing = $"{spinning}, idle=pause";
            await series.TryAsync(pausing, () => ServeAsync(
                series, pausing, new Dictionary<string, string> { ["idle"] = "pause", ["idle-bound-ns"] = "2000" }));
        }
        finally
        {
            if (stress is not null)
            {
                stress.Kill(entireProcessTree: true);
                await stress.WaitForExitAsync();
            }
        }
    }

    private string ImageOf(string service, string project)
        => Path.Combine(root, "services", service, project, "bin", configuration, "net10.0", $"{service}.sosimg");

    private Task NoiseAsync(Series series, string name, NoisePlace where) => series.TryAsync(name, () =>
    {
        string path = ImageOf("noise", "Sos.Noise");
        (NoiseResult result, _) = NoiseRun.OnThread(new NoiseRequest(Cpu, where, TimeSpan.FromSeconds(3), 1000, path, ServiceImage.Read(path)), Runner);
        using JsonDocument document = JsonDocument.Parse(JsonSerializer.Serialize(result, NoiseJson.Default.NoiseResult));
        series.AddNoise(name, document.RootElement);
        return Task.CompletedTask;
    });

    private async Task ServeAsync(Series series, string name, Dictionary<string, string> parameters)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("sos-timer-bench");
        string socket = Path.Combine(folder.FullName, "timer.sock");
        using ProcessTarget target = new(new ProcessTargetOptions { RunnerPath = Runner, Cpu = Cpu, LockMemory = true });
        LoadedService service = ServiceLoader.Load(target, ServiceImage.Read(ImageOf("timer", "Sos.Timer")), new ServiceConfiguration
        {
            PacketMemorySize = 0,
            TableSlotSize = 0,
            Parameters = parameters,
            SharedMemory = [TimerAdmin.Size, .. Enumerable.Repeat((ulong)TimerArea.TotalSize, TimerAdmin.ClientsMax)],
        });
        target.Start(service.Entry, service.StackTop, service.ControlAddress);
        using (ProcessTimerHost host = new(target, service))
        using (new TimerBroker(host, socket, new HashSet<uint>()))
        {
            await series.MeasureServiceAsync(name, 0, socket);
        }

        folder.Delete(recursive: true);
    }
}
