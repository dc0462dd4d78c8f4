using System;
using Sos.Ctl;
using Sos.Ctl.Output;

return CommandLine.Run(args, new Terminal(Console.Out, Console.Error));
