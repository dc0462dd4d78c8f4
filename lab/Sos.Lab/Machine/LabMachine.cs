using System;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net.Sockets;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Sos.Lab.Agent;
using Sos.Lab.Guest;
using Sos.Lab.Network;

namespace Sos.Lab.Machine;

/// <summary>
/// A virtual machine with a stock kernel. It runs until it is disposed of, and never longer than this process.
/// </summary>
public sealed class LabMachine : IAsyncDisposable
{
    private const int BootAttempts = 3;

    private static readonly TimeSpan CommandLimit = TimeSpan.FromSeconds(60);

    /// <summary>For the guest's check of its CPUs' timers, which takes a fraction of a second each.</summary>
    private static readonly TimeSpan TimerLimit = TimeSpan.FromSeconds(30);

    private readonly string _folder;
    private readonly Process _qemu;
    private AgentClient? _agent;
    private bool _deadTimer;

    private LabMachine(LabMachineOptions options, GuestKernel kernel, Accelerator accelerator, string folder, string log)
    {
        Options = options;
        Kernel = kernel;
        Accelerator = accelerator;
        _folder = folder;
        Console = new ConsoleLog(log);
        _qemu = HostProcess.Start(QemuCommand.Build(options, kernel, accelerator, folder, log), redirect: !options.Interactive);
    }

    /// <summary>How it was booted.</summary>
    public LabMachineOptions Options { get; }

    /// <summary>The kernel that runs.</summary>
    public GuestKernel Kernel { get; }

    /// <summary>The means by which it is executed.</summary>
    public Accelerator Accelerator { get; }

    /// <summary>The serial console.</summary>
    public ConsoleLog Console { get; }

    /// <summary>Whether QEMU runs and Linux in it has not panicked.</summary>
    public bool IsRunning => !_qemu.HasExited && !Console.Panicked.IsCompleted;

    /// <summary>Whether QEMU crashed, or Linux in it, before anything of ours ran; a socket's other side has had its one connection by then.</summary>
    private bool IsEmulatorsFault => Accelerator == Accelerator.Tcg && Options is { CardSocket: null, Interactive: false }
        && (!IsRunning || _deadTimer)
        && !Console.Text.Contains("sos: version", StringComparison.Ordinal);

    /// <summary>QEMU's process id on the host.</summary>
    public int ProcessId => _qemu.Id;

    /// <summary>Boots a machine and waits until it can run commands.</summary>
    /// <param name="options">What to boot.</param>
    /// <exception cref="LabException">It did not boot; the message holds the console's end.</exception>
    /// <remarks>Where the emulator itself fails before our driver is there, the machine is booted again: docs/decisions/0050.</remarks>
    public static async Task<LabMachine> BootAsync(LabMachineOptions options)
    {
        RunId.RemoveStale();
        for (int attempt = 1; ; attempt++)
        {
            LabMachine machine = await StartAsync(options);
            try
            {
                await machine.WaitForAgentAsync();
                return machine;
            }
            catch (LabException problem) when (attempt < BootAttempts && machine.IsEmulatorsFault)
            {
                System.Console.Error.WriteLine($"lab: booting again, for the emulator failed: {problem.Message}");
                await machine.DisposeAsync();
            }
            catch
            {
                await machine.DisposeAsync();
                throw;
            }
        }
    }

    private static async Task<LabMachine> StartAsync(LabMachineOptions options)
    {
        GuestKernel kernel = await GuestKernel.GetAsync(options.Kernel);
        Accelerator accelerator = options.Accelerator ?? await AcceleratorProbe.ChooseAsync(options.Kernel);
        string id = RunId.Next();
        string folder = Path.Combine(Path.GetTempPath(), id);
        Directory.CreateDirectory(folder);
        Directory.CreateDirectory(LabPaths.Logs);
        GuestFile login = await SshAccess.CreateKeyAsync(folder);
        await GuestImage.WriteAsync(kernel, [login, .. options.Files], Path.Combine(folder, "initramfs"));
        string log = Path.Combine(LabPaths.Logs, $"console-{options.Kernel}-{id}.log");
        return new LabMachine(options, kernel, accelerator, folder, log);
    }

    /// <summary>Starts a shell command line in the guest, for background work or for streaming.</summary>
    public GuestCommand Start(string line)
    {
        GuestCommand command = _agent!.Start(line);
        return command;
    }

    /// <summary>Runs a shell command line in the guest to its end; its standard input is empty.</summary>
    /// <param name="line">The command line, for sh.</param>
    /// <param name="timeout">Limit; 60 s if not given.</param>
    /// <exception cref="TimeoutException">It took longer; it was killed.</exception>
    /// <exception cref="LabException">The guest died or panicked.</exception>
    public async Task<CommandResult> RunAsync(string line, TimeSpan? timeout = null)
    {
        GuestCommand command = Start(line);
        command.EndInput();
        return await command.WaitAsync(timeout ?? CommandLimit);
    }

    /// <summary>Runs a command that must succeed, and returns what it wrote, trimmed.</summary>
    /// <exception cref="LabException">Its exit code is not 0.</exception>
    public async Task<string> CheckAsync(string line, TimeSpan? timeout = null) =>
        (await RunAsync(line, timeout)).EnsureSuccess().Text;

    /// <summary>Runs a command again and again until it writes what is expected.</summary>
    /// <param name="line">The command; its exit code does not matter.</param>
    /// <param name="expected">What it is to write, trimmed.</param>
    /// <param name="timeout">How long that may take in all; 2 minutes if not given, since others may have the host's CPUs.</param>
    /// <param name="show">A command whose output a failure tells.</param>
    /// <exception cref="LabException">It wrote something else to the end; the message has the last.</exception>
    public async Task AwaitAsync(string line, string expected, TimeSpan? timeout = null, string show = "true")
    {
        DateTime end = DateTime.UtcNow + (timeout ?? TimeSpan.FromMinutes(2));
        for (CommandResult last = await RunAsync(line); last.Text != expected; last = await RunAsync(line))
        {
            if (DateTime.UtcNow >= end)
            {
                throw new LabException($"{line} does not write \"{expected}\"; the last was \"{last.Text}\"{last.Error}; {(await RunAsync(show)).Text}");
            }

            await Task.Delay(100);
        }
    }

    /// <summary>Writes a file in the guest.</summary>
    public async Task WriteFileAsync(string path, ReadOnlyMemory<byte> content)
    {
        GuestCommand command = Start($"cat > '{path}'");
        command.WriteInput(content.Span);
        command.EndInput();
        (await command.WaitAsync(CommandLimit)).EnsureSuccess();
    }

    /// <summary>Reads a file of the guest.</summary>
    public async Task<byte[]> ReadFileAsync(string path)
    {
        GuestCommand command = Start($"cat '{path}'");
        command.EndInput();
        (await command.WaitAsync(CommandLimit)).EnsureSuccess();
        return command.OutputBytes;
    }

    /// <summary>Gives the network device of a card, while Linux has it or as SOS's host port, the machine's addresses.</summary>
    /// <param name="device">The device's name in the guest, "eth0" for the first card.</param>
    /// <param name="segment">The segment that the card faces.</param>
    public Task<string> ConfigureAsync(string device, int segment = 0) => CheckAsync(
        $"echo 0 > /proc/sys/net/ipv6/conf/{device}/accept_dad; ip link set {device} up && "
        + $"ip addr replace {LabNetwork.MachineIPv4(segment)}/24 dev {device} && "
        + $"ip -6 addr replace {LabNetwork.MachineIPv6(segment)}/64 dev {device} nodad");

    /// <summary>Gives a command to QEMU's monitor (its human one), such as "mce" or "info pci".</summary>
    /// <param name="command">The command, one line.</param>
    /// <returns>Its answer.</returns>
    public async Task<string> MonitorAsync(string command)
    {
        const string Prompt = "(qemu) ";
        using Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path.Combine(_folder, QemuCommand.MonitorSocket)));
        await using NetworkStream stream = new(socket);
        using CancellationTokenSource limit = new(CommandLimit);
        _ = await ReadToAsync(stream, Prompt, limit.Token);
        await stream.WriteAsync(Encoding.ASCII.GetBytes(command + "\n"), limit.Token);

        // The line is echoed with the terminal's control characters; the answer follows on lines of its own.
        string answer = await ReadToAsync(stream, "\n" + Prompt, limit.Token);
        int start = answer.IndexOf('\n', StringComparison.Ordinal) + 1;
        int end = answer.LastIndexOf(Prompt, StringComparison.Ordinal);
        return end < start ? "" : answer[start..end].Replace("\r", "", StringComparison.Ordinal).Trim();
    }

    /// <summary>Raises a machine check on one CPU: an uncorrected error, its context corrupt (SDM vol. 3, 15.3).</summary>
    /// <param name="cpu">Logical id.</param>
    /// <exception cref="LabException">QEMU refuses; the message has its words.</exception>
    public async Task RaiseMachineCheckAsync(int cpu)
    {
        // Bank 1: on a processor of the family that is emulated, Linux switches bank 0 off. Valid, uncorrected, enabled, with MISC and ADDR.
        string refusal = await MonitorAsync($"mce {cpu} 1 0xbe00000000000000 0x5 0 0");
        if (refusal.Length > 0)
        {
            throw new LabException($"no machine check on cpu {cpu}: {refusal}");
        }
    }

    /// <summary>Starts an ssh server in the guest; log in with <see cref="SshCommand"/>.</summary>
    public Task StartSshAsync() => SshAccess.StartServerAsync(this);

    /// <summary>The start of a command line with which a peer runs a command in the guest through ssh; append the command.</summary>
    /// <param name="address">The guest's address; the first card's IPv4 address if not given.</param>
    /// <param name="user">The user.</param>
    /// <param name="port">The port.</param>
    public string SshCommand(string? address = null, string user = "root", int port = 22)
        => SshAccess.Command(_folder, address ?? LabNetwork.MachineIPv4(), user, port);

    /// <summary>The PCI address of a card in the guest.</summary>
    public static string CardAddress(int segment = 0) =>
        string.Create(CultureInfo.InvariantCulture, $"0000:00:{0x10 + segment:x2}.0");

    /// <summary>Fails if the kernel has complained of anything.</summary>
    /// <param name="known">How many complaints to pass over: the count of <c>Console.Problems</c> at an earlier time.</param>
    /// <exception cref="LabException">It has; the message holds its words.</exception>
    public void EnsureHealthy(int known = 0)
    {
        if (Console.Problems.Count > known)
        {
            throw new LabException($"the kernel complained; see {Console.Path}\n{Console.Report(known)}");
        }
    }

    /// <summary>Waits until the machine is off.</summary>
    public Task WaitForExitAsync() => _qemu.WaitForExitAsync();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (!_qemu.HasExited)
        {
            _qemu.Kill();
        }

        await _qemu.WaitForExitAsync();
        _agent?.Dispose();
        _qemu.Dispose();
        Console.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static async Task<string> ReadToAsync(NetworkStream stream, string end, CancellationToken limit)
    {
        StringBuilder text = new();
        byte[] buffer = new byte[4096];
        while (!text.ToString().EndsWith(end, StringComparison.Ordinal))
        {
            int count = await stream.ReadAsync(buffer, limit);
            if (count == 0)
            {
                break;
            }

            text.Append(Encoding.ASCII.GetString(buffer, 0, count));
        }

        return text.ToString();
    }

    private async Task WaitForAgentAsync()
    {
        using CancellationTokenSource limit = new(Options.BootLimit);
        Task gone = _qemu.WaitForExitAsync(limit.Token);
        Task deadTimer = AwaitDeadTimerAsync();
        Task<AgentClient> connecting = AgentClient.ConnectAsync(Path.Combine(_folder, QemuCommand.AgentSocket), limit.Token);
        if (await Task.WhenAny(connecting, gone) == connecting && connecting.IsCompletedSuccessfully)
        {
            _agent = await connecting;
            Task first = await Task.WhenAny(_agent.Ready, gone, Console.Panicked, deadTimer);
            if (first == _agent.Ready)
            {
                _ = FailOnPanicAsync();
                return;
            }
        }

        await limit.CancelAsync();
        string error = _qemu.HasExited && !Options.Interactive ? await _qemu.StandardError.ReadToEndAsync() : "";
        string end = string.Join('\n', Console.Text.Split('\n').TakeLast(30));
        throw new LabException(
            $"Linux {Options.Kernel} did not come up within {Options.BootLimit.TotalSeconds:0} s ({Accelerator})\n{error}{end}");
    }

    /// <summary>Ends if a CPU's timer does not fire: Linux says so, or the guest's check of each does not end.</summary>
    private async Task AwaitDeadTimerAsync()
    {
        _ = await Console.WaitForAsync("sos-lab: init", Options.BootLimit);
        Task fires = Console.WaitForAsync("sos-lab: every timer fires", TimerLimit);
        if (await Task.WhenAny(fires, Console.DeadTimer) == fires && fires.IsCompletedSuccessfully)
        {
            await Console.DeadTimer;
        }

        _deadTimer = true;
    }

    // A panicked guest answers no more, though QEMU lives on: what waits for an answer fails at once.
    private async Task FailOnPanicAsync()
    {
        string line = await Console.Panicked;
        _agent!.Fail(line);
    }
}
