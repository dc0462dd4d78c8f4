using System;
using System.Diagnostics;
using System.IO;
using System.Text.Json;
using System.Threading.Tasks;

namespace Sos.TimerBench;

/// <summary>This machine, natively, with the commands of a user without the driver; its last cpu is the one that is measured.</summary>
/// <param name="tools">Folder of the bench's own programs.</param>
/// <param name="programs">Folder of sosctl.</param>
/// <param name="root">The work tree.</param>
/// <param name="configuration">Of the build.</param>
public sealed class HostPlace(string tools, string programs, string root, string configuration) : IPlace
{
    /// <inheritdoc/>
    public string Name => "host";

    /// <inheritdoc/>
    public int Cpu => Environment.ProcessorCount - 1;

    private string Runner => Path.Combine(root, "src/Sos.Runner/bin", configuration, "net10.0/linux-x64/publish/sos-runner");

    /// <inheritdoc/>
    public async Task<string> RunAsync(string line)
    {
        using Process process = Start(line);
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
            await NoiseAsync(series, "noise, plain thread", "thread");
            await NoiseAsync(series, "noise, SCHED_FIFO thread, isolated cpuset if there can be one", "fifo");
            await OnIsolatedCoreAsync(series);
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

    private Task NoiseAsync(Series series, string name, string where) => series.TryAsync(name, async () =>
    {
        string output = await RunAsync($"sosctl noise run {Cpu} --on {where} --duration 3 --json --image {ImageOf("noise", "Sos.Noise")}");
        using JsonDocument document = JsonDocument.Parse(output);
        series.AddNoise(name, document.RootElement);
    });

    // As a user does it, on a core that goes back whatever happens in between; by force, since runtimes bind threads to each cpu.
    private Task OnIsolatedCoreAsync(Series series) => series.TryAsync("isolated core", async () =>
    {
        await RunAsync($"sosctl core reserve {Cpu} --isolated --force --lease 15m");
        try
        {
            await NoiseAsync(series, "noise, isolated core", "core");
            string spinning = "timer service on an isolated core";
            await series.TryAsync(spinning, () => ServeAsync(series, spinning, ""));
            string pausing = $"{spinning}, idle=pause";
            await series.TryAsync(pausing, () => ServeAsync(series, pausing, "-p idle=pause -p idle-bound-ns=2000"));
        }
        finally
        {
            await RunAsync($"sosctl core release {Cpu}");
        }
    });

    private async Task ServeAsync(Series series, string name, string parameters)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("sos-timer-bench");
        string socket = Path.Combine(folder.FullName, "timer.sock");
        using Process server = Start($"exec sosctl timer serve {Cpu} --socket {socket} --image {ImageOf("timer", "Sos.Timer")} {parameters}");
        Task<string> errors = server.StandardError.ReadToEndAsync();
        try
        {
            // sosctl itself gives up on a service that does not start.
            while (!File.Exists(socket) && !server.HasExited)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100));
            }

            if (server.HasExited)
            {
                throw new InvalidOperationException(await errors);
            }

            await series.MeasureServiceAsync(name, 0, socket);
        }
        finally
        {
            if (!server.HasExited)
            {
                await RunAsync($"kill -TERM {server.Id}");
                await server.WaitForExitAsync();
            }

            folder.Delete(recursive: true);
            await series.FreeCoreAsync();
        }
    }

    private Process Start(string line)
    {
        string[] shell = ["-c", $"export PATH={tools}:{programs}:$PATH SOS_RUNNER={Runner}; {line}"];
        return Process.Start(new ProcessStartInfo("/bin/sh", shell) { RedirectStandardOutput = true, RedirectStandardError = true })!;
    }
}
