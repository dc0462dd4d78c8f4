using System;
using System.Diagnostics;

namespace Sos.Demo;

/// <summary>
/// One line that says what goes on: on a terminal it is rewritten in place, elsewhere each change is a line of its own.
/// It goes to standard error, so that standard output is the table alone.
/// </summary>
internal sealed class Progress
{
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly bool _terminal = !Console.IsErrorRedirected;
    private int _width;

    /// <summary>Shows what goes on now.</summary>
    public void Say(string what)
    {
        string line = $"[{_clock.Elapsed:mm\\:ss}] {what}";
        lock (_clock)
        {
            Console.Error.Write(_terminal ? "\r" + line.PadRight(_width) : line + "\n");
            _width = line.Length;
        }
    }

    /// <summary>Ends the line.</summary>
    public void End()
    {
        if (_terminal && _width > 0)
        {
            Console.Error.WriteLine();
            _width = 0;
        }
    }
}
