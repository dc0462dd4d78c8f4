using System;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
using System.IO;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

namespace Sos.Lab.Agent;

/// <summary>One command of the host, running in the guest in a session of its own.</summary>
internal sealed partial class GuestProcess
{
    /// <summary>
    /// How long after the shell's end its output may stay open. What a command leaves in the background inherits the
    /// pipes; it must not keep the command itself from ending.
    /// </summary>
    private static readonly TimeSpan OutputGrace = TimeSpan.FromMilliseconds(300);

    private const int SignalKill = 9;
    private const int ExitNotStarted = 127;

    private readonly uint _command;
    private readonly Process _process;
    private readonly FrameStream _frames;
    private readonly BlockingCollection<byte[]> _input = [];

    private GuestProcess(uint command, Process process, FrameStream frames)
    {
        _command = command;
        _process = process;
        _frames = frames;
    }

    /// <summary>Starts a shell command line; its output and exit code go to the host as frames.</summary>
    public static void Start(
        uint command, string line, FrameStream frames, ConcurrentDictionary<uint, GuestProcess> processes)
    {
        ProcessStartInfo start = new("/bin/setsid", ["/bin/sh", "-c", line])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/root",
        };
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception problem)
        {
            frames.Write(command, FrameKind.Error, Encoding.UTF8.GetBytes($"agent: {problem.Message}\n"));
            WriteExit(frames, command, ExitNotStarted);
            return;
        }

        GuestProcess guest = new(command, process, frames);
        processes[command] = guest;
        new Thread(guest.FeedInput) { IsBackground = true }.Start();
        Task[] copies =
        [
            guest.CopyAsync(process.StandardOutput, FrameKind.Output),
            guest.CopyAsync(process.StandardError, FrameKind.Error),
        ];
        new Thread(() => guest.Finish(copies, processes)) { IsBackground = true }.Start();
    }

    /// <summary>Queues bytes for standard input; never blocks, so that one command cannot stall the others.</summary>
    public void WriteInput(byte[] bytes)
    {
        try
        {
            _input.Add(bytes);
        }
        catch (InvalidOperationException)
        {
            // The command ended at this moment: nobody is left to read it.
        }
    }

    /// <summary>Closes standard input once what was queued is written.</summary>
    public void EndInput() => _input.CompleteAdding();

    /// <summary>Kills the whole session.</summary>
    public void Kill()
    {
        // setsid made the process the leader of its group; a failure means that it is gone already.
        _ = SendSignal(-_process.Id, SignalKill);
    }

    private void FeedInput()
    {
        Stream stream = _process.StandardInput.BaseStream;
        try
        {
            foreach (byte[] bytes in _input.GetConsumingEnumerable())
            {
                stream.Write(bytes);
                stream.Flush();
            }
        }
        catch (IOException)
        {
            // The command closed its standard input or ended: the rest is not wanted.
        }

        _process.StandardInput.Close();
    }

    private Task CopyAsync(StreamReader reader, FrameKind kind) => Task.Factory.StartNew(
        () =>
        {
            byte[] buffer = new byte[FrameStream.PayloadMax];
            int count;
            while ((count = reader.BaseStream.Read(buffer)) > 0)
            {
                _frames.Write(_command, kind, buffer.AsSpan(0, count));
            }
        },
        CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private void Finish(Task[] copies, ConcurrentDictionary<uint, GuestProcess> processes)
    {
        // Process.WaitForExit() without a limit would also wait for the pipes' end.
        while (!_process.WaitForExit(int.MaxValue))
        {
        }

        _ = Task.WaitAll(copies, OutputGrace);
        _ = processes.TryRemove(_command, out _);
        if (!_input.IsAddingCompleted)
        {
            _input.CompleteAdding();
        }

        WriteExit(_frames, _command, _process.ExitCode);
    }

    private static void WriteExit(FrameStream frames, uint command, int code)
    {
        byte[] payload = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(payload, code);
        frames.Write(command, FrameKind.Exit, payload);
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendSignal(int pid, int signal);
}
